"""The fronts that each arm found."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import surface
from harness.analysis.run_result import RunResult
from harness.evolution.pareto import Objectives
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.formatting import fill


def _draw(comparison: Comparison) -> Any:
    arms, wording = comparison.arms, comparison.wording
    drawn, ((axes,),) = plot_style.figure(width=7, height=4.6)
    largest = max(
        objectives.n_params
        for run in comparison.runs
        for objectives in (run.seed_objectives, *_front(run))
    )
    for place, arm in enumerate(arms):
        bands = len(arms) <= plot_style.MANY
        _draw_arm(axes, arm, plot_style.look(place), bands=bands, most_params=round(1.1 * largest))
    for i, run in enumerate(_blind(comparison)):
        score, n_params = run.seed_objectives
        label = "seed network" if i == 0 else None
        axes.plot(n_params, wording.times * score, "k*", markersize=12, label=label, zorder=5)
    axes.set(
        xscale="log",
        xlabel="parameters (log scale; fewer is better)",
        ylabel=fill("{task.validation_score} in the search, {task.unit}", wording)
        + "\n(higher is better)",
        title=comparison.title,
    )
    plot_style.count_axis(axes.xaxis)
    plot_style.legend(drawn, axes, len(arms))
    return drawn


def _draw_arm(axes: Any, arm: Arm, look: dict[str, Any], *, bands: bool, most_params: int) -> None:
    """Draw fronts as points, what half of the runs attained as a line, best to worst as an area."""
    runs = arm.finished or arm.runs
    times = runs[0].wording.times
    for run in runs:
        points = _front(run)
        axes.plot([o.n_params for o in points], [times * o.score for o in points],
                  linestyle="none", marker=look["marker"], color=look["color"], alpha=0.45,
                  markersize=4)  # fmt: skip
    best, middle, worst = (_extended(surface(arm, share), most_params) for share in (0, 0.5, 1))
    line = {key: look[key] for key in ("color", "linestyle")}
    axes.plot([o.n_params for o in middle], [times * o.score for o in middle],
              drawstyle="steps-post", zorder=3, **line)  # fmt: skip
    axes.plot([], [], label=plot_style.short(arm.name), **look)  # in the legend alone
    if bands and len(arm.finished) > 1 and best:
        sizes = sorted({o.n_params for o in (*best, *worst)})
        floor = min(o.score for run in runs for o in _front(run))
        axes.fill_between(
            sizes,
            [times * _attained(worst, n, floor) for n in sizes],
            [times * _attained(best, n, floor) for n in sizes],
            step="post", color=look["color"], alpha=0.12, linewidth=0,
        )  # fmt: skip


def _front(run: RunResult) -> list[Objectives]:
    return [c.objectives for c in run.front if c.objectives]


def _extended(surface: list[Objectives], most_params: int) -> list[Objectives]:
    """Extend a surface to the right: a score attained with fewer parameters is with more."""
    return [*surface, Objectives(surface[-1].score, most_params)] if surface else []


def _attained(surface: Sequence[Objectives], n_params: int, floor: float) -> float:
    """Return the score attained with so many parameters, the arm's least where none is."""
    return max((o.score for o in surface if o.n_params <= n_params), default=floor)


def _blind(comparison: Comparison) -> Sequence[RunResult]:
    """Return the runs whose seed network was scored on the validation split, else all."""
    return [run for run in comparison.runs if not run.saw_test_data] or comparison.runs


FIGURE = Figure(
    name="pareto",
    title="Fronts of each arm",
    caption="Each point is a network on the front of one run: no other network of that run is "
    "at least as small and {task.as_good}, and better in one of the two. The line is what half of "
    "an arm's runs attained (with one run, its front). The shaded area reaches from the worst run "
    "to the best (from the arm's lowest point, where the worst has found nothing). Up and left is "
    "better. The star is the seed network.",
    draw=_draw,
    position=1,
)
