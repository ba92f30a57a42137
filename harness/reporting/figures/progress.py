"""Anytime performance of each arm."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import Band, band
from harness.analysis.metric import Quantity
from harness.analysis.metrics import METRICS
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.figures.looks import look
from harness.reporting.formatting import fill, format_of

_ROWS = ("best_validation", "hypervolume")


def _draw(comparison: Comparison) -> Any:
    arms = [arm for arm in comparison.arms if arm.finished]
    if not arms:
        return None
    columns = _columns(comparison)
    grid = [[(spent, reached) for spent in columns] for reached in _ROWS]
    if plot_style.is_narrow():
        grid = [list(row) for row in zip(*grid, strict=True)]
    drawn, axes = plot_style.figure(height=1.9 * len(grid), rows=len(grid), columns=len(grid[0]))
    same = _labels(comparison, columns)
    for row, its_axes in zip(grid, axes, strict=True):
        for (spent, reached), one in zip(row, its_axes, strict=True):
            _draw_panel(one, comparison, spent, reached, same)
            one.set(ylabel=_label(comparison, reached))
    plot_style.legend(drawn, *axes.flat)
    return drawn


def _labels(comparison: Comparison, columns: Sequence[str]) -> dict[str, str]:
    """Return the label of each arm, which says whose lines it hides in all panels."""
    series = {
        arm.label: [one for spent in columns for reached in _ROWS
                    if (one := band(arm, x=METRICS[spent], y=METRICS[reached])) is not None]
        for arm in comparison.arms
    }  # fmt: skip
    return plot_style.named(series)


def _draw_on(axes: Any, comparison: Comparison) -> bool:
    """Draw the hypervolume after each evaluation."""
    if not any(arm.finished for arm in comparison.arms):
        return False
    labels = _labels(comparison, ["evaluations"])
    _draw_panel(axes, comparison, "evaluations", "hypervolume", labels)
    axes.set(ylabel=_label(comparison, "hypervolume"))
    return True


def _columns(comparison: Comparison) -> list[str]:
    """Return the metrics of cost: evaluations, tokens or else characters, seconds.

    The seconds are those of training and LLM, or else of training. A metric that no arm has is left
    out.
    """
    runs = [run for arm in comparison.arms for run in arm.finished]
    if not any(run.calls for run in runs):
        found = ["evaluations", "train_s"]
    else:
        knows_tokens = all(run.usage is not None for run in runs)
        knows_seconds = all(run.effort.seconds is not None for run in runs)
        found = [
            "evaluations",
            "tokens" if knows_tokens else "characters",
            "search_s" if knows_seconds else "train_s",
        ]
    return [found[0], *(name for name in found[1:] if _is_spent(comparison, name))]


def _is_spent(comparison: Comparison, name: str) -> bool:
    bands = (
        band(arm, x=METRICS[name], y=METRICS[reached])
        for arm in comparison.arms
        for reached in _ROWS
    )
    return any(one is not None and one.x[-1] for one in bands)


def _draw_panel(
    axes: Any, comparison: Comparison, spent: str, reached: str, labels: Mapping[str, str]
) -> None:
    axes.set(xlabel=_label(comparison, spent))
    shaded = sum(bool(arm.finished) for arm in comparison.arms) <= plot_style.MOST_SHADED
    times = format_of(METRICS[reached], comparison.wording).times
    for arm in comparison.arms:
        one = band(arm, x=METRICS[spent], y=METRICS[reached])
        if one is not None:
            _draw_band(axes, one, arm, labels[arm.label], shaded=shaded, times=times)
    plot_style.from_zero(axes)


def _draw_band(axes: Any, one: Band, arm: Arm, label: str, *, shaded: bool, times: float) -> None:
    drawn = look(arm.name)
    if one.x[-1] == 0:  # an arm that spends none of it: its end, as a mark on the axis
        axes.plot([0], [times * one.median[-1]], clip_on=False, zorder=5, **drawn.mark)
        return
    low, median, high = ([times * v for v in values] for values in (one.low, one.median, one.high))
    axes.plot(one.x, median, drawstyle="steps-post", label=label, **drawn.marked_line)
    if shaded and len(arm.finished) >= plot_style.LEAST_SHADED:
        axes.fill_between(one.x, low, high, step="post", color=drawn.color, alpha=0.15,
                          linewidth=0)  # fmt: skip


def _label(comparison: Comparison, name: str) -> str:
    metric, wording = METRICS[name], comparison.wording
    unit = f", {wording.unit}" if metric.quantity is Quantity.SCORE and wording.unit else ""
    return plot_style.in_lines(fill(metric.phrase, wording) + unit)


FIGURE = Figure(
    name="progress",
    title="Anytime performance",
    caption="Best {task.validation_score} (of networks of at most the seed network's size) and "
    "hypervolume against the cost so far: evaluations, tokens, seconds of training and, where all "
    "are on record, of the LLM. Lines are medians over an arm's runs, areas reach from quartile to "
    "quartile (with three runs or more, of up to four arms). They begin where every run has a "
    "value, and a run that has ended keeps its last value. Characters stand for tokens where an "
    "LLM does not report its tokens. An arm without an LLM is a mark at zero of them, as high as "
    "its final median. A cost that is not known, or of no arm, has no panels.",
    draw=_draw,
    draw_on=_draw_on,
    position=2,
)
