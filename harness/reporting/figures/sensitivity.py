"""Paired differences from the reference arm, by budget, margin and reference point."""

from collections.abc import Iterator
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.curves.sensitivity import Curve, by_evaluations, by_setting
from harness.analysis.measures import retrained_hypervolume, saved
from harness.analysis.metrics import METRICS
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.figures.looks import look
from harness.reporting.formatting import fill

_MARGINS = tuple(k / 400 for k in range(21))
_USEFUL = tuple(k / 100 for k in range(1, 21))
_PANELS = ("evaluations", "margin", "useful")


def _draw(comparison: Comparison) -> Any:
    others = [arm for arm in comparison.compared_by(METRICS["saved"]) if arm.finished]
    reference = comparison.reference
    if reference is None or not reference.finished or not others:
        return None
    drawn, panels = plot_style.panels(len(_PANELS), height=2.9)
    for axes, panel in zip(panels, _PANELS, strict=True):
        axes.axhline(0, color="black", linewidth=0.8)
        for arm in others:
            curve, times = _curve(panel, arm, comparison)
            _draw_curve(axes, curve, times, arm, shaded=len(others) <= plot_style.MOST_SHADED)
        if panel == "evaluations":
            plot_style.whole_numbers(axes.xaxis)
        along, measured = _LABELS[panel]
        axes.set(
            xlabel=plot_style.in_lines(along.format(unit=comparison.wording.short_points)),
            ylabel=f"{plot_style.in_lines(fill(measured, comparison.wording))},\n"
            f"difference from {plot_style.short(reference.label)}",
        )
    plot_style.legend(drawn, *panels)
    return drawn


_LABELS = {
    "evaluations": ("evaluations", "hypervolume"),
    "margin": ("margin, {unit}", "decades saved"),
    "useful": ("reference point, {unit} below the seed", "test hypervolume"),
}


def _curve(panel: str, arm: Any, comparison: Comparison) -> tuple[Curve, float]:
    """Return a panel's curve of an arm, and the factor of its x axis."""
    reference, times = comparison.reference, comparison.wording.times
    assert reference is not None
    if panel == "evaluations":
        return by_evaluations(arm, reference, METRICS["hypervolume"]), 1
    if panel == "margin":
        return by_setting(arm, reference, saved, _MARGINS), times
    return by_setting(arm, reference, retrained_hypervolume, _USEFUL), times


def _draw_curve(axes: Any, curve: Curve, times: float, arm: Arm, *, shaded: bool) -> None:
    if not curve:
        return
    drawn, at = look(arm.name), [times * x for x, _ in curve]
    axes.plot(at, [one.estimate for _, one in curve], label=plot_style.short(arm.label),
              **drawn.marked_line)  # fmt: skip
    bands = [(one.low, one.high) for _, one in curve]
    if shaded and all(low is not None for low, _ in bands):
        low, high = zip(*bands, strict=True)
        axes.fill_between(at, low, high, color=drawn.color, alpha=0.15, linewidth=0)


def _notes(comparison: Comparison) -> Iterator[str]:
    if comparison.reference is not None:
        yield f"The line at 0 is {comparison.reference.label}."


FIGURE = Figure(
    name="sensitivity",
    title="Sensitivity of the differences",
    caption="Differences of each arm from the reference arm at the same seeds (Hodges-Lehmann), by "
    "what they depend on. Areas are the pointwise 95 % intervals of the paired differences, from "
    "six seeds on, of up to four arms; of equal arms, 0 is outside somewhere on a curve in 20 to "
    "29 % of simulated studies. First: hypervolume of the search after so many evaluations. "
    "Second: decades of parameters saved under other margins of the test score. Third: hypervolume "
    "on {task.test_examples} under other reference points. Runs without a value are left out.",
    draw=_draw,
    notes=_notes,
    position=8,
)
