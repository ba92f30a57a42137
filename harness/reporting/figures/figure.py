"""A figure of a comparison: what it is called, how to read it, how it is drawn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.comparison import Comparison
from harness.files import write_text
from harness.reporting import plot_style
from harness.reporting.formatting import fill, latex


def _nothing(_: Comparison) -> Iterable[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        name: Name of its files.
        title: What it shows.
        caption: How to read it; a template with the words of the task.
        draw: Returns the drawn figure, None where there is nothing to show.
        position: Its place among the figures of a report, from 1.
        draw_on: Draws its main panel on axes of the caller, where it has one; returns whether there
            was anything to show.
        notes: Returns sentences for the caption about what this comparison's figure does not show.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Comparison], Any]
    position: int
    draw_on: Callable[[Any, Comparison], bool] | None = None
    notes: Callable[[Comparison], Iterable[str]] = _nothing

    def caption_of(self, comparison: Comparison) -> str:
        """Return the caption in the words of the comparison's task."""
        return " ".join([fill(self.caption, comparison.wording), *self.notes(comparison)])

    def write(
        self, comparison: Comparison, folder: Path, sheet: plot_style.Sheet = plot_style.SCREEN
    ) -> bool:
        """Write PNG, PDF and the caption as LaTeX; return whether there was anything to show."""
        with plot_style.styled(sheet):
            drawn = self.draw(comparison)
            if drawn is None:
                return False
            if sheet.titled:
                plot_style.title(drawn, f"{self.title}. {comparison.title}")
            plot_style.save(drawn, folder / self.name)
        caption = f"{self.title}. {comparison.title}. {self.caption_of(comparison)}"
        write_caption(folder / f"{self.name}.tex", caption, label=self.name)
        return True


def write_caption(path: Path, text: str, *, label: str) -> None:
    """Write what stands below a figure in a paper, with its label, for ``input`` in LaTeX."""
    write_text(path, f"\\caption{{{latex(text)}}}\n\\label{{fig:{label}}}\n")
