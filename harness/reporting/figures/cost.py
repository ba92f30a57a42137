"""Hypervolume of each run against its cost."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.metric import Metric
from harness.analysis.metrics import METRICS
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.figures.looks import look
from harness.reporting.formatting import fill

_REACHED = "hypervolume"


def _draw(comparison: Comparison) -> Any:
    arms = [arm for arm in comparison.arms if arm.finished]
    if not arms:
        return None
    costs = _costs(arms)
    drawn, axes = plot_style.panels(len(costs), height=3.4)
    reached = METRICS[_REACHED]
    label = plot_style.named({arm.label: _points(arm, costs) for arm in arms})
    for one, spent in zip(axes, costs, strict=True):
        for arm in arms:
            one.plot([spent.value(run) or 0 for run in arm.finished],
                     [reached.value(run) for run in arm.finished],
                     label=label.get(arm.label), clip_on=False, **look(arm.name).mark)  # fmt: skip
        one.set(xlabel=f"{fill(spent.phrase, comparison.wording)}, per run")
        one.set(ylabel=fill(reached.phrase, comparison.wording))
        plot_style.from_zero(one)
    plot_style.legend(drawn, *axes)
    return drawn


def _points(arm: Arm, costs: Sequence[Metric]) -> list[tuple[float | None, ...]]:
    return sorted(
        tuple(one.value(run) for one in (METRICS[_REACHED], *costs)) for run in arm.finished
    )


def _costs(arms: Sequence[Arm]) -> list[Metric]:
    """Return the metrics of cost that are above zero in a run, at least that of training."""
    runs = [run for arm in arms for run in arm.finished]
    llm = _cost_of_llm(arms)
    asked = [llm] if any(llm.value(run) for run in runs) else []
    return [*asked, METRICS["train_s"]]


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
    "are known, else tokens, else characters of prompts and answers; no panel where no run asked "
    "one) and against the seconds of all its trainings. An arm whose points are those of another "
    "says so in the legend.",
    draw=_draw,
    position=6,
)
