"""All figures by name: every module of this package that has a ``FIGURE``."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from harness.analysis.comparison import Comparison
from harness.reporting.figures.figure import Figure
from harness.reporting.plot_style import SCREEN, Sheet


def _figures() -> Iterator[Figure]:
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name not in {"catalog", "figure", "looks"}:
            yield importlib.import_module(f"{package}.{module.name}").FIGURE


FIGURES = {one.name: one for one in sorted(_figures(), key=lambda one: one.position)}
"""All figures by name, in their order in a report."""


def draw(name: str, comparison: Comparison, folder: Path) -> bool:
    """Write one figure as PNG, PDF and a caption; return whether there was anything to show."""
    return FIGURES[name].write(comparison, folder)


def draw_all(comparison: Comparison, folder: Path, sheet: Sheet = SCREEN) -> list[Figure]:
    """Write every figure that has something to show, see ``Figure.write``; return those."""
    return [figure for figure in FIGURES.values() if figure.write(comparison, folder, sheet)]
