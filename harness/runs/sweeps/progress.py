"""Progress of all runs of a command, from their journals, whichever process works on them."""

import contextlib
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import RLock

from harness.errors import RecordError
from harness.record.events import NetworkTrained
from harness.record.journal import is_complete, keys_of
from harness.runs.spec import Expected

_LOOKS_EVERY_S = 2.0
_MINUTE_S, _DAY_S = 60, 86_400
_SEARCH = "search"


class Progress:
    """How many runs are complete, how many evaluations are done, and how long the rest may take.

    Args:
        runs: The work of each run, by folder.
    """

    def __init__(self, runs: Mapping[Path, Expected]) -> None:
        self._runs, self._mutex = dict(runs), RLock()
        self.complete: set[Path] = set()
        """Folders of the runs that are complete."""
        self.done: dict[Path, Expected] = {}
        """The work done of each run, by folder; a complete one has all its trainings behind it."""
        self._began, self._looked_at = time.monotonic(), 0.0
        self._look()
        self.at_start = frozenset(self.complete)
        """Folders of the runs that were complete before."""
        self._done_before = self._trainings

    def __reduce__(self) -> tuple[type["Progress"], tuple[dict[Path, Expected]]]:
        """Pickle as the progress of no runs: only the process of the command reports progress."""
        return Progress, ({},)

    def text_now(self) -> str:
        """Return the line after another look at the journals, however recent the last one is."""
        self._looked_at = 0.0
        return self.text

    @property
    def text(self) -> str:
        """One line, up to two seconds old; empty for a command of one run."""
        if len(self._runs) < 2:  # noqa: PLR2004 - its own lines say all
            return ""
        with self._mutex:
            return self._text()

    def _text(self) -> str:
        self._look()
        evaluations = sum(done.evaluations for done in self.done.values())
        planned = sum(expected.evaluations for expected in self._runs.values())
        text = f"{len(self.complete)} of {len(self._runs)} runs complete"
        text += f", {evaluations} of {planned} evaluations"
        new = self._trainings - self._done_before
        if new > 0 and len(self.complete) < len(self._runs):
            left = sum(expected.trainings for expected in self._runs.values()) - self._trainings
            left_s = (time.monotonic() - self._began) / new * left
            text += f", about {duration(left_s)} left"
        return text

    @property
    def _trainings(self) -> int:
        return sum(done.trainings for done in self.done.values())

    def _look(self) -> None:
        with self._mutex:
            if self._looked_at and time.monotonic() < self._looked_at + _LOOKS_EVERY_S:
                return
            self._looked_at = time.monotonic()
            for folder in self._runs.keys() - self.complete:
                with contextlib.suppress(RecordError):  # its own job reports that
                    self._look_at(folder, self._runs[folder])

    def _look_at(self, folder: Path, expected: Expected) -> None:
        keys = keys_of(folder, NetworkTrained)
        complete = is_complete(folder)
        self.done[folder] = Expected(
            evaluations=min(count_evaluations(keys), expected.evaluations),
            trainings=expected.trainings if complete else min(len(keys), expected.trainings - 1),
        )
        if complete:
            self.complete.add(folder)


def count_evaluations(keys: Iterable[str]) -> int:
    """Return how many evaluations a search has made, that of the seed network aside.

    Each has a network or a seed of its own; ``seed_only`` trains one network with many seeds.

    Args:
        keys: Keys of its events of training.
    """
    searched = re.compile(rf"{NetworkTrained.KIND}/{_SEARCH}(-\d+)?/([^/]+/[^/]+)")
    found = map(searched.match, keys)
    return max(0, len({key[2] for key in found if key}) - 1)


def duration(seconds: float) -> str:
    """Return ``40 s``, ``12 min``, ``3 h 20 min`` or ``5 days``."""
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds >= 2 * _DAY_S:
        return f"{seconds / _DAY_S:.0f} days"
    hours, minutes = divmod(round(seconds / _MINUTE_S), _MINUTE_S)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
