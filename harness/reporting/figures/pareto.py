"""The fronts that each arm found."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import surface
from harness.analysis.run_result import RunResult
from harness.evolution.pareto import Objectives
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.figures.looks import look
from harness.reporting.formatting import fill


def _draw(comparison: Comparison) -> Any:
    drawn, ((axes,),) = plot_style.figure(height=2.6 if plot_style.is_narrow() else 4.2)
    _draw_on(axes, comparison)
    plot_style.legend(drawn, axes)
    return drawn


def _draw_on(axes: Any, comparison: Comparison) -> bool:
    wording = comparison.wording
    largest = max(
        o.n_params for run in comparison.runs for o in (run.seed_objectives, *_front(run))
    )
    shaded = len(comparison.arms) <= plot_style.MOST_SHADED
    labels = _labels(comparison)
    for arm in comparison.arms:
        if arm.label in labels:
            _draw_arm(axes, arm, labels[arm.label], shaded=shaded, most_params=round(1.1 * largest))
    for i, run in enumerate(_blind(comparison)):
        score, n_params = run.seed_objectives
        label = "seed network" if i == 0 else None
        axes.plot(n_params, wording.times * score, "k*", markersize=10, linestyle="none",
                  label=label, zorder=5)  # fmt: skip
    if (limits := _limits(comparison)) is not None:
        axes.set_ylim(limits)
        below = _below(comparison, limits[0])
        plot_style.at_edge(axes, [(n, limits[0]) for n, _ in below], f"{len(below)} below the axis",
                           marker="v")  # fmt: skip
    axes.set(
        xscale="log",
        xlabel="parameters (log scale; fewer is better)",
        ylabel=fill("{task.validation_score} in the search, {task.unit}", wording)
        + "\n(higher is better)",
    )
    plot_style.count_axis(axes.xaxis)
    return True


def _labels(comparison: Comparison) -> dict[str, str]:
    """Return the labels of the arms that have a front."""
    return plot_style.named({
        arm.label: sorted(tuple(o) for run in _shown(arm) for o in _front(run))
        for arm in comparison.arms
    })  # fmt: skip


def _shown(arm: Arm) -> tuple[RunResult, ...]:
    return arm.finished or arm.runs


def _points(comparison: Comparison) -> list[tuple[int, float]]:
    """Return size and score of each network on a front, as shown."""
    times = comparison.wording.times
    return [
        (o.n_params, times * o.score)
        for arm in comparison.arms for run in _shown(arm) for o in _front(run)
    ]  # fmt: skip


def _limits(comparison: Comparison) -> tuple[float, float] | None:
    """Return the scores between which networks are drawn in their place, None for all."""
    times = comparison.wording.times
    seeds = [times * run.seed_objectives.score for run in _blind(comparison)]
    return plot_style.limits([score for _, score in _points(comparison)], seeds)


def _below(comparison: Comparison, limit: float) -> list[tuple[int, float]]:
    return [(n_params, score) for n_params, score in _points(comparison) if score < limit]


def _notes(comparison: Comparison) -> Iterator[str]:
    """Yield which networks are not drawn in their place, and which arms have none."""
    if (limits := _limits(comparison)) is not None:
        below = _below(comparison, limits[0])
        digits, unit = comparison.wording.digits, comparison.wording.unit
        scores = f"{min(score for _, score in below):.{digits}f} {unit}".strip()
        yield f"Networks below the axis, marked at its edge: {len(below)}, down to {scores}."
    labels = _labels(comparison)
    if absent := [arm.label for arm in comparison.arms if arm.label not in labels]:
        yield f"Without a network on a front: {', '.join(absent)}."


def _draw_arm(axes: Any, arm: Arm, label: str, *, shaded: bool, most_params: int) -> None:
    """Draw fronts as points, what half of the runs attained as a line, best to worst as an area."""
    runs, drawn = _shown(arm), look(arm.name)
    times = runs[0].wording.times
    for run in runs:
        points = _front(run)
        axes.plot([o.n_params for o in points], [times * o.score for o in points], alpha=0.6,
                  markersize=4, **drawn.mark)  # fmt: skip
    best, middle, worst = (_extended(surface(arm, share), most_params) for share in (0, 0.5, 1))
    axes.plot([o.n_params for o in middle], [times * o.score for o in middle],
              drawstyle="steps-post", zorder=3, **drawn.line)  # fmt: skip
    axes.plot([], [], label=label, **drawn.mark | drawn.line)  # in the legend alone
    if shaded and len(arm.finished) >= plot_style.LEAST_SHADED and best:
        sizes = sorted({o.n_params for o in (*best, *worst)})
        floor = min(o.score for run in runs for o in _front(run))
        axes.fill_between(
            sizes,
            [times * _attained(worst, n, floor) for n in sizes],
            [times * _attained(best, n, floor) for n in sizes],
            step="post", color=drawn.color, alpha=0.12, linewidth=0,
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
    caption="Each point is a network on the front of one run: no other network that this run "
    "proposed is at least as small and {task.as_good}, and better in one of the two. The line is "
    "what half of an arm's runs attained (with one run, its front). The shaded area reaches from "
    "the worst run to the best (from the arm's lowest point, where the worst has found nothing); "
    "it is drawn with three runs or more, of up to four arms. Up and left is better. Each star is "
    "the seed network in the search of a run, which is no part of the front.",
    draw=_draw,
    notes=_notes,
    draw_on=_draw_on,
    position=1,
)
