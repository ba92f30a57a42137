"""Hypervolume of each run against its cost."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.metric import Metric
from harness.analysis.metrics import METRICS
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure, titled
from harness.reporting.formatting import fill

_REACHED = "hypervolume"


def _draw(comparison: Comparison) -> Any:
    arms = [arm for arm in comparison.arms if arm.finished]
    if not arms:
        return None
    drawn, axes = plot_style.figure(width=8, height=3.9, columns=2)
    reached = METRICS[_REACHED]
    for one, spent in zip(axes[0], (_cost_of_llm(arms), METRICS["train_s"]), strict=True):
        for place, arm in enumerate(comparison.arms):
            look = plot_style.look(place)
            one.plot([spent.value(run) or 0 for run in arm.finished],
                     [reached.value(run) for run in arm.finished],
                     linestyle="none", marker=look["marker"], color=look["color"],
                     markersize=6, alpha=0.8, label=plot_style.short(arm.name))  # fmt: skip
        one.set(xlabel=f"{fill(spent.phrase, comparison.wording)}, per run")
        plot_style.from_zero(one)
    axes[0][0].set(ylabel=fill(reached.phrase, comparison.wording))
    titled(drawn, comparison)
    plot_style.legend(drawn, axes[0][0], len(arms))
    return drawn


def _cost_of_llm(arms: Sequence[Arm]) -> Metric:
    """Return the first metric that all runs know: money, tokens, characters."""
    runs = [run for arm in arms for run in arm.finished]
    for name in ("cost", "tokens"):
        if all(METRICS[name].value(run) is not None for run in runs):
            return METRICS[name]
    return METRICS["characters"]


FIGURE = Figure(
    name="cost",
    title="Cost",
    caption="Each point is a run: its hypervolume against the cost of its LLM (money where prices "
    "are known, else tokens, else characters of prompts and answers) and against the seconds of "
    "all its trainings.",
    draw=_draw,
    position=6,
)
