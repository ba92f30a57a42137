"""Share of runs and targets reached, against evaluations."""

from typing import Any

from harness.analysis.comparison import Comparison
from harness.analysis.curves.targets import reached
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure


def _draw(comparison: Comparison) -> Any:
    curves = {
        place: curve
        for place, arm in enumerate(comparison.arms)
        if (curve := reached(arm)) is not None
    }
    if not curves:
        return None
    drawn, ((axes,),) = plot_style.figure(width=7, height=4)
    for place, curve in curves.items():
        look = plot_style.look(place)
        axes.plot(
            [at for at, _ in curve], [100 * share for _, share in curve], drawstyle="steps-post",
            color=look["color"], linestyle=look["linestyle"],
            label=plot_style.short(comparison.arms[place].name),
        )  # fmt: skip
    axes.set(xlabel="evaluations", ylabel="% of runs and targets", title=comparison.title)
    plot_style.from_zero(axes)
    plot_style.legend(drawn, axes, len(curves))
    return drawn


FIGURE = Figure(
    name="targets",
    title="Targets reached",
    caption="Share of pairs of a run and a target that are reached after so many evaluations. The "
    "21 targets are sizes, from the seed network's parameters to a hundredth of them in equal "
    "steps of their logarithm, of a network within the tolerance of the seed network's "
    "{task.validation_score}, by the score of the search, luck included.",
    draw=_draw,
    position=7,
)
