"""Style of all figures: sizes for screen and print, bytes that depend on the data alone.

The door to matplotlib.
"""

import statistics
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from harness.files import write_atomically
from harness.text import one_line

MOST_SHADED = 4
"""Most arms whose areas are drawn; more would mix to one grey."""
LEAST_SHADED = 3
"""Fewest runs of an arm whose spread is an area."""
MOST_ROWS = 120
"""Most rows of a figure and most names in its legend: records of others may have any number."""
_TALLEST = 36.0
"""Greatest height of a figure in inches, which fits ``MOST_ROWS``."""
_STYLE = Path(__file__).with_name("assets") / "figures.mplstyle"

_LARGE = 1000
_LONG = 40
_MOST_IN_COLUMN = 28
# Without date and program, the same data give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "----", "++++", "oooo")
_VALID = "#009E73"
T = TypeVar("T")
GREYS = ("#3B3B3B", "#8C8C8C", "#BDBDBD", "#E3E3E3", "#6B6B6B", "#A6A6A6", "#D1D1D1", "#F0F0F0")


def short(name: str, most: int = _LONG) -> str:
    """Return a name as one line that fits into a legend; its middle is left out where it is long.

    Variants of one arm often differ at the end of their names.
    """
    name = one_line(name)
    half = most // 2
    return name if len(name) <= most else f"{name[: most - half]}…{name[1 - half :]}"


def row_label(arm: str, what: str, *, mark: str = ":") -> str:
    """Return the label of a row, an arm and a part of it; two lines in a column."""
    most, between = (_MOST_IN_COLUMN, "\n") if is_narrow() else (_LONG, " ")
    return f"{short(arm, most)}{mark}{between}{short(what, most)}"


def height_of(n_rows: int) -> float:
    """Return the height in inches of rows that have labels of ``row_label``."""
    return n_rows * (0.26 if is_narrow() else 0.21)


def in_lines(label: str) -> str:
    """Return a label of an axis in lines that fit beside other axes."""
    return textwrap.fill(label, 24)


def fitting(rows: Sequence[T], size: Callable[[T], int] = lambda _: 0) -> tuple[list[T], str]:
    """Return the rows that fit into a figure, and an addition to its title where some do not.

    Args:
        rows: All rows.
        size: Returns how common a row is; the most common ones are kept, in their order.
    """
    largest = sorted(range(len(rows)), key=lambda i: -size(rows[i]))[:MOST_ROWS]
    kept = [rows[i] for i in sorted(largest)]
    return kept, "" if len(kept) == len(rows) else f" ({len(kept)} of {len(rows):,} rows)"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Where figures are printed.

    Attributes:
        width: Width of a figure in inches.
        font: Size of its text in points.
        dpi: Dots per inch of its PNG.
        titled: Whether it has a title; in print the caption has it.
    """

    width: float
    font: float
    dpi: int = 300
    titled: bool = False


SCREEN = Sheet(width=7.0, font=9, dpi=150, titled=True)
SHEETS = {"column": Sheet(width=3.15, font=7), "page": Sheet(width=6.45, font=8)}
"""Sheets by the place in a paper of two columns that a figure is for.

They are as wide as those of LaTeX's ``article``; those of conferences and journals are wider.
"""


@contextmanager
def styled(sheet: Sheet = SCREEN) -> Iterator[None]:
    """Context in which figures are drawn and saved, independent of this machine's settings."""
    from matplotlib import style

    sizes = {
        "figure.figsize": (sheet.width, 4.6),
        "font.size": sheet.font,
        "figure.dpi": sheet.dpi,
        "axes.titlesize": sheet.font,
        "legend.fontsize": sheet.font - 1,
        "lines.linewidth": 1.6 if sheet.width > _NARROW else 1.1,
        "lines.markersize": 5.5 if sheet.width > _NARROW else 4.5,
        "lines.markeredgewidth": 0.9 if sheet.width > _NARROW else 0.6,
    }
    with style.context(["default", _STYLE, sizes]):
        yield


_NARROW = 5.0
"""Width in inches below which panels are one below the other."""


def is_narrow() -> bool:
    """Return whether figures are as narrow as a column of a paper."""
    return _width() < _NARROW


def _width() -> float:
    from matplotlib import rcParams

    return float(rcParams["figure.figsize"][0])


def figure(
    *,
    height: float,
    rows: int = 1,
    columns: int = 1,
    share: Literal["none", "row"] = "none",
    heights: Sequence[float] | None = None,
) -> tuple[Any, Any]:
    """Return a figure as wide as the sheet and no taller than fits, and its axes by row.

    Args:
        height: Height in inches, without the legend.
        rows: Rows of axes.
        columns: Columns of axes.
        share: ``row`` for one y axis in each row.
        heights: Relative heights of the rows of axes.
    """
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(_width(), min(height, _TALLEST)))
    return drawn, drawn.subplots(rows, columns, squeeze=False, sharey=share, height_ratios=heights)


def panels(n: int, *, height: float) -> tuple[Any, list[Any]]:
    """Return a figure of n axes beside each other, or below each other in a column of a paper.

    Args:
        n: Number of axes.
        height: Height of a row of axes in inches.
    """
    rows, columns = (n, 1) if is_narrow() else (1, n)
    drawn, axes = figure(
        height=height * (1 if rows == 1 else 0.75 * rows), rows=rows, columns=columns
    )
    return drawn, list(axes.flat)


def shown_axes() -> Any:
    """Return axes of a new figure that a notebook or ``pyplot.show`` shows."""
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(7, 4.6), layout="constrained")[1]


def save(drawn: Any, stem: Path) -> None:
    """Write a figure as ``stem.png`` and ``stem.pdf``."""
    for suffix, metadata in _METADATA.items():
        write = partial(drawn.savefig, format=suffix, metadata=metadata)
        write_atomically(stem.with_name(f"{stem.name}.{suffix}"), write)


def legend(drawn: Any, *several: Any) -> None:
    """Add a legend below the axes, for which the figure grows; each label is named once.

    Args:
        drawn: The figure.
        *several: The axes whose labels it shows.
    """
    from matplotlib.lines import Line2D

    by_label: dict[str, Any] = {}
    for axes in several:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            by_label.setdefault(label, handle)
    if not by_label:
        return
    entries = list(by_label.items())
    if len(entries) > MOST_ROWS:
        more = (f"and {len(entries) - MOST_ROWS:,} others", Line2D([], [], linestyle="none"))
        entries = [*entries[:MOST_ROWS], more]
    labels, handles = zip(*entries, strict=True)
    font = _font() - 1
    entry = (max(map(len, labels)) * 0.6 + _HANDLE) * font / 72 + 0.2
    ncols = max(1, min(int(drawn.get_figwidth() / entry), len(labels)))
    rows = -(-len(labels) // ncols)
    height = min(drawn.get_figheight() + rows * 1.45 * font / 72, _TALLEST)
    drawn.set_size_inches(drawn.get_figwidth(), height)
    drawn.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=ncols,
        columnspacing=1.2,
        handlelength=_HANDLE,
    )


def _font() -> float:
    from matplotlib import rcParams

    return float(rcParams["font.size"])


def title(drawn: Any, text: str) -> None:
    """Write a title above a figure, in lines that fit, for which it grows."""
    font = _font()
    lines = textwrap.wrap(text, int(drawn.get_figwidth() * 72 / (0.62 * font)))
    drawn.set_size_inches(drawn.get_figwidth(), drawn.get_figheight() + 0.2 * len(lines))
    drawn.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=font, fontweight="bold")


def named(series: Mapping[str, Sequence[object]]) -> dict[str, str]:
    """Return a label for each arm that has something to draw; one that hides another says so.

    Args:
        series: What is drawn, by the arm's label.
    """
    first: dict[tuple[object, ...], str] = {}
    labels = {}
    for name, points in series.items():
        if points:
            same = first.setdefault(tuple(points), name)
            most = _MOST_IN_COLUMN if is_narrow() else _LONG
            labels[name] = (
                short(name) if same == name else f"{short(name, most)} (= {short(same, most)})"
            )
    return labels


def limits(values: Sequence[float], always: Sequence[float] = ()) -> tuple[float, float] | None:
    """Return the ends of an axis that few low outliers do not squash, None for the usual ones.

    Outliers lie more than 1.5 interquartile ranges below the first quartile (Tukey). They are cut
    off where they would take half of the axis or more.

    Args:
        values: Values to draw.
        always: Values that stay within the axis.
    """
    if len(values) < _LEAST_FOR_QUARTILES:
        return None
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    fence = first - 1.5 * (third - first)
    kept = [*(v for v in values if v >= fence), *always]
    low, high = min(kept), max(kept)
    if min(values) >= low or high == low or low - min(values) < high - low:
        return None
    margin = 0.06 * (high - low)
    return low - margin, high + margin


_LEAST_FOR_QUARTILES = 5
_HANDLE = 4.0
"""Length of a line in a legend, in sizes of its text: the longest dash repeats within it."""


def at_edge(axes: Any, points: Sequence[tuple[float, float]], text: str, *, marker: str) -> None:
    """Mark points beyond the axes at their edge, counted in the legend."""
    if points:
        axes.plot([x for x, _ in points], [y for _, y in points], linestyle="none", marker=marker,
                  color="black", markersize=5, clip_on=False, zorder=6, label=text)  # fmt: skip


def count_axis(axis: Any) -> None:
    """Label a logarithmic axis of counts as 20k, 500k, 1M."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())


def whole_numbers(axis: Any) -> None:
    """Put the ticks of an axis at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def from_zero(axes: Any) -> None:
    """Start a linear x axis of counts or seconds at zero; large ones are written as 20k and 1M."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    right = max(axes.dataLim.x1, 1e-9)
    axes.set_xlim(-0.03 * right, 1.05 * right)
    most = 3 if is_narrow() else 4
    axes.xaxis.set_major_locator(MaxNLocator(nbins=most, min_n_ticks=2, integer=True))
    if right >= _LARGE:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def bars(axes: Any, labels: Sequence[str], parts: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Draw stacked horizontal bars, distinguished by shade and hatching; first label on top."""
    left = [0.0] * len(labels)
    places = range(len(labels) - 1, -1, -1)
    for i, (name, lengths) in enumerate(parts):
        axes.barh(
            places, lengths, left=left, height=0.7, label=name, edgecolor="black", linewidth=0.5,
            color=_VALID if i == 0 else GREYS[i % len(GREYS)], hatch=HATCHES[i % len(HATCHES)],
        )  # fmt: skip
        left = [a + b for a, b in zip(left, lengths, strict=True)]
    axes.set_yticks(places, labels)
    axes.grid(visible=False, axis="y")
