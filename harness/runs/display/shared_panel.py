"""One panel for the runs that go on at once, with a row for each."""

import contextlib
from collections.abc import Iterator
from typing import Self

from harness.reporting.console import Panel
from harness.runs.display.live_display import LiveDisplay
from harness.runs.sweeps.progress import Progress
from harness.text import reason_of


class SharedPanel:
    """Draws what all displays that are open show in one line.

    Args:
        overall: Progress of the command.
        mode: As ``display``.
    """

    def __init__(self, overall: Progress, *, mode: str) -> None:
        self._overall = overall
        self._displays: list[LiveDisplay] = []
        self.panel = Panel(self._rows, mode=mode)

    @contextlib.contextmanager
    def showing(self, display: LiveDisplay) -> Iterator[None]:
        """Show a display within the block, and say so at once if the block fails."""
        self._displays.append(display)
        try:
            yield
        except Exception as error:
            display.say(f"failed: {reason_of(str(error) or repr(error))}")
            raise
        finally:
            self._displays.remove(display)

    def __enter__(self) -> Self:
        self.panel.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.panel.stop()

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "all runs", self._overall.text
        for display in tuple(self._displays):
            yield display.summary
