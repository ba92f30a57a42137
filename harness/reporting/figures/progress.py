"""Anytime performance of each arm."""

import textwrap
from collections.abc import Sequence
from typing import Any

from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import Band, band
from harness.analysis.effort.spent import total_effort
from harness.analysis.metric import Quantity
from harness.analysis.metrics import METRICS
from harness.analysis.run_result import RunResult
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure, titled
from harness.reporting.formatting import fill, format_of

_ROWS = ("best_validation", "hypervolume")
_LABEL_WIDTH = 32


def _draw(comparison: Comparison) -> Any:
    arms = [arm for arm in comparison.arms if arm.finished]
    if not arms:
        return None
    columns = _columns([run for arm in arms for run in arm.finished])
    drawn, axes = plot_style.figure(width=9.5, height=5.6, rows=len(_ROWS), columns=len(columns))
    for row, reached in enumerate(_ROWS):
        for column, spent in enumerate(columns):
            _draw_panel(axes[row][column], comparison, spent, reached)
            if column == 0:
                axes[row][column].set(ylabel=_label(comparison, reached))
    titled(drawn, comparison)
    plot_style.legend(drawn, axes[0][0], len(arms))
    return drawn


def _columns(runs: Sequence[RunResult]) -> Sequence[str]:
    """Return the metrics of cost: evaluations, tokens or else characters, seconds.

    The seconds are those of training and LLM, or else of training.
    """
    if not any(run.calls for run in runs):
        return "evaluations", "train_s"
    knows_tokens = all(run.usage is not None for run in runs)
    knows_seconds = all(total_effort(run).seconds is not None for run in runs)
    return (
        "evaluations",
        "tokens" if knows_tokens else "characters",
        "search_s" if knows_seconds else "train_s",
    )


def _draw_panel(axes: Any, comparison: Comparison, spent: str, reached: str) -> None:
    bands = {
        place: one
        for place, arm in enumerate(comparison.arms)
        if (one := band(arm, x=METRICS[spent], y=METRICS[reached])) is not None
    }
    axes.set(xlabel=_label(comparison, spent))
    if not any(one.x[-1] for one in bands.values()):
        plot_style.empty(axes, "not known")
        return
    n_arms = sum(bool(arm.finished) for arm in comparison.arms)
    times = format_of(METRICS[reached], comparison.wording).times
    for place, one in bands.items():
        name = plot_style.short(comparison.arms[place].name)
        _draw_band(axes, one, name, place, shaded=n_arms <= plot_style.MANY, times=times)
    plot_style.from_zero(axes)


def _draw_band(axes: Any, one: Band, name: str, place: int, *, shaded: bool, times: float) -> None:
    look = plot_style.look(place)
    line = {key: look[key] for key in ("color", "linestyle")}
    if one.x[-1] == 0:  # an arm that spends none of it: its end, as a mark on the axis
        axes.plot([0], [times * one.median[-1]], color=look["color"], marker=look["marker"],
                  markersize=8, clip_on=False, zorder=5)  # fmt: skip
        return
    low, median, high = ([times * v for v in values] for values in (one.low, one.median, one.high))
    axes.plot(one.x, median, drawstyle="steps-post", label=name, **line)
    if shaded:
        axes.fill_between(one.x, low, high, step="post", color=look["color"], alpha=0.15,
                          linewidth=0)  # fmt: skip


def _label(comparison: Comparison, name: str) -> str:
    metric, wording = METRICS[name], comparison.wording
    unit = f", {wording.unit}" if metric.quantity is Quantity.SCORE and wording.unit else ""
    return textwrap.fill(fill(metric.phrase, wording) + unit, _LABEL_WIDTH)


FIGURE = Figure(
    name="progress",
    title="Anytime performance",
    caption="Best {task.validation_score} (of networks of at most the seed network's size) and "
    "hypervolume against the cost so far: evaluations, tokens, seconds of training and, where all "
    "are on record, of the LLM. Lines are medians over an arm's runs, areas reach from quartile to "
    "quartile. They begin where every run has a value, and a run that has ended keeps its last "
    "value. Characters stand for tokens where an LLM does not report its tokens. An arm without "
    "an LLM is a mark at zero of them, as high as its final median.",
    draw=_draw,
    position=2,
)
