"""A figure of a comparison: what it is called, how to read it, how it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.comparison import Comparison
from harness.reporting import plot_style
from harness.reporting.formatting import fill


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        name: Name of its files.
        title: What it shows.
        caption: How to read it; a template with the words of the task.
        draw: Returns the drawn figure, None where there is nothing to show.
        position: Its place among the figures of a report, from 1.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Comparison], Any]
    position: int

    def caption_of(self, comparison: Comparison) -> str:
        """Return the caption in the words of the comparison's task."""
        return fill(self.caption, comparison.wording)

    def write(self, comparison: Comparison, folder: Path) -> bool:
        """Write PNG and PDF; return whether there was anything to show."""
        with plot_style.styled():
            drawn = self.draw(comparison)
            if drawn is not None:
                plot_style.save(drawn, folder / self.name)
        return drawn is not None


def titled(drawn: Any, comparison: Comparison) -> None:
    """Write the title of a comparison above a figure of several axes."""
    drawn.suptitle(comparison.title, x=0.01, ha="left", fontsize=9, fontweight="bold")
