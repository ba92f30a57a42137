"""Style of all figures: one look per arm, bytes that depend on the data alone.

The door to matplotlib.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from harness.files import write_atomically
from harness.text import one_line

# Okabe and Ito's palette is distinct under common colour blindness; dashes and markers are in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_DASHES = (
    "solid",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
)
_MARKERS = "os^Dv<>"
MANY = len(_COLOURS)
"""Most arms that fit below a figure; more are named to its right and drawn without bands."""
MOST_ROWS = 120
"""Most rows of a figure and most names in its legend: records of others may have any number."""
_TALLEST = 36.0
"""Greatest height of a figure in inches, which fits ``MOST_ROWS``."""
_STYLE = Path(__file__).with_name("assets") / "figures.mplstyle"

_LARGE = 1000
_LONG = 40
# Without date and program, the same data give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "----", "++++", "oooo")
T = TypeVar("T")
GREYS = ("#3B3B3B", "#8C8C8C", "#BDBDBD", "#E3E3E3", "#6B6B6B", "#A6A6A6", "#D1D1D1", "#F0F0F0")


def short(name: str) -> str:
    """Return a name as one line, truncated to fit into a legend."""
    name = one_line(name)
    return name if len(name) <= _LONG else f"{name[: _LONG - 1]}…"


def fitting(rows: Sequence[T], size: Callable[[T], int] = lambda _: 0) -> tuple[list[T], str]:
    """Return the rows that fit into a figure, and an addition to its title where some do not.

    Args:
        rows: All rows.
        size: Returns how common a row is; the most common ones are kept, in their order.
    """
    largest = sorted(range(len(rows)), key=lambda i: -size(rows[i]))[:MOST_ROWS]
    kept = [rows[i] for i in sorted(largest)]
    return kept, "" if len(kept) == len(rows) else f" ({len(kept)} of {len(rows):,} rows)"


def look(place: int) -> dict[str, Any]:
    """Return colour, line style and marker of the arm at this place of the table."""
    return {
        "color": _COLOURS[place % len(_COLOURS)],
        "linestyle": _DASHES[place % len(_DASHES)],
        "marker": _MARKERS[(place + place // len(_MARKERS)) % len(_MARKERS)],
    }


@contextmanager
def styled() -> Iterator[None]:
    """Context in which figures are drawn and saved, independent of this machine's settings."""
    from matplotlib import style

    with style.context(["default", _STYLE]):
        yield


def figure(*, width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """Return a figure of this size in inches, but no taller than fits, and its axes by row."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, min(height, _TALLEST)))
    return drawn, drawn.subplots(rows, columns, squeeze=False, sharey="row" if rows > 1 else "none")


def save(drawn: Any, stem: Path) -> None:
    """Write a figure as ``stem.png`` and ``stem.pdf``."""
    for suffix, metadata in _METADATA.items():
        write = partial(drawn.savefig, format=suffix, metadata=metadata)
        write_atomically(stem.with_name(f"{stem.name}.{suffix}"), write)


def legend(drawn: Any, axes: Any, n: int) -> None:
    """Add a legend below the axes, or to their right for many entries.

    Args:
        drawn: The figure.
        axes: The axes whose labels it shows.
        n: Number of entries.
    """
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > MOST_ROWS:
        handles = [*handles[:MOST_ROWS], Line2D([], [], linestyle="none")]
        labels = [*labels[:MOST_ROWS], f"and {len(labels) - MOST_ROWS:,} others"]
    if n > MANY:
        height = min(max(drawn.get_figheight(), 0.22 * len(labels)), _TALLEST)
        drawn.set_size_inches(drawn.get_figwidth() + 3, height)
        drawn.legend(handles, labels, loc="outside right upper")
    else:
        fitting = int(drawn.get_figwidth() / (0.075 * max(map(len, labels), default=1) + 0.6))
        ncols = max(1, min(fitting, len(labels)))
        drawn.legend(handles, labels, loc="outside lower center", ncols=ncols)


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
    """Start a linear x axis at zero, with a margin; large numbers are written as 20k and 1M."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    right = max(axes.dataLim.x1, 1e-9)
    axes.set_xlim(-0.03 * right, 1.05 * right)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, min_n_ticks=2))
    if right >= _LARGE:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def empty(axes: Any, why: str) -> None:
    """Write into empty axes why nothing is drawn."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center")
    axes.set_xticks([])


def bars(axes: Any, labels: Sequence[str], parts: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Draw stacked horizontal bars, distinguished by shade and hatching; first label on top."""
    left = [0.0] * len(labels)
    places = range(len(labels) - 1, -1, -1)
    for i, (name, lengths) in enumerate(parts):
        axes.barh(
            places, lengths, left=left, height=0.7, label=name, edgecolor="black", linewidth=0.5,
            color=_COLOURS[2] if i == 0 else GREYS[i % len(GREYS)], hatch=HATCHES[i % len(HATCHES)],
        )  # fmt: skip
        left = [a + b for a, b in zip(left, lengths, strict=True)]
    axes.set_yticks(places, labels)
    axes.grid(visible=False, axis="y")
