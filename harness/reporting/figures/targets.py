"""Share of runs and targets reached, against evaluations."""

from typing import Any

from harness.analysis.comparison import Comparison
from harness.analysis.curves.targets import reached
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.figures.looks import look


def _draw(comparison: Comparison) -> Any:
    drawn, ((axes,),) = plot_style.figure(height=3.4)
    if not _draw_on(axes, comparison):
        return None
    plot_style.legend(drawn, axes)
    return drawn


def _draw_on(axes: Any, comparison: Comparison) -> bool:
    curves = {arm.label: reached(arm) or [] for arm in comparison.arms}
    label = plot_style.named(curves)
    for arm in comparison.arms:
        if curve := curves[arm.label]:
            axes.plot(
                [at for at, _ in curve], [100 * share for _, share in curve],
                drawstyle="steps-post", label=label[arm.label], **look(arm.name).marked_line,
            )  # fmt: skip
    axes.set(xlabel="evaluations", ylabel="targets reached, % of all targets of all runs")
    plot_style.from_zero(axes)
    return bool(label)


FIGURE = Figure(
    name="targets",
    title="Targets reached",
    caption="Share of pairs of a run and a target that are reached after so many evaluations. The "
    "21 targets are sizes, from the seed network's parameters to a hundredth of them in equal "
    "steps of their logarithm, of a network within the tolerance of the seed network's "
    "{task.validation_score}, by the score of the search, luck included.",
    draw=_draw,
    draw_on=_draw_on,
    position=7,
)
