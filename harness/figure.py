"""The Pareto plot. The door to matplotlib."""

from pathlib import Path

from harness.comparison import Comparison
from harness.notes import SAW_TEST_DATA
from harness.results import RunResult

# Okabe and Ito's palette tells apart in common colour blindness; markers tell apart in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
_MARKERS = "os^Dv<>"
_MANY = 7
"""More arms than this are named beside the plot."""


def pareto(comparison: Comparison, path: Path) -> None:
    """Write a PNG: validation accuracy against parameters, each arm's front as a line."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    seen: dict[str, int] = {}
    for run in comparison.runs:
        style = seen.setdefault(run.arm, len(seen))
        _draw(axes, run, style, labelled=run is _first(comparison, run.arm))
    blind = [run for run in comparison.runs if not run.saw_test_data] or comparison.runs
    for i, run in enumerate(blind):
        accuracy, n_params = run.seed_objectives
        label = "seed network" if i == 0 else None
        axes.plot(n_params, 100 * accuracy, "k*", markersize=13, label=label, zorder=4)
    axes.set(
        xscale="log",
        xlabel="parameters (log scale; fewer is better)",
        ylabel="validation accuracy, % (higher is better)",
        title=comparison.title,
    )
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="both", alpha=0.25)
    if len(seen) > _MANY:
        figure.set_size_inches(10, 5.5)
        figure.legend(frameon=False, loc="outside right center", fontsize="small")
    else:
        axes.legend(frameon=False)
    figure.savefig(path, metadata={"Software": None})


def _draw(axes: object, run: RunResult, style: int, *, labelled: bool) -> None:
    rounds, place = divmod(style, len(_COLOURS))
    colour, marker = _COLOURS[place], _MARKERS[(place + rounds) % len(_MARKERS)]
    others = [c.objectives for c in run.evaluated if c.objectives and c not in run.front]
    front = [c.objectives for c in run.front if c.objectives]
    plot = axes.plot  # type: ignore[attr-defined]
    plot(
        [n for _, n in others], [100 * a for a, _ in others],
        marker, color=colour, alpha=0.35, markersize=5, markeredgewidth=0,
    )  # fmt: skip
    plot(
        [n for _, n in front], [100 * a for a, _ in front],
        marker + "-", color=colour, markersize=7, drawstyle="steps-post",
        label=f"{run.arm}{SAW_TEST_DATA if run.saw_test_data else ''}: front" if labelled else None,
        zorder=3,
    )  # fmt: skip


def _first(comparison: Comparison, arm: str) -> RunResult:
    return next(run for run in comparison.runs if run.arm == arm)
