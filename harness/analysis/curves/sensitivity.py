"""How a difference between arms depends on budget, margin and reference point."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.metric import Metric
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.paired import Shift, differences, shift
from harness.analysis.trajectory import trajectory

Curve = list[tuple[float, Shift]]
"""Points of a setting, each with the paired difference and its pointwise 95 % interval."""
_MOST_POINTS = 60


def by_evaluations(arm: Arm, reference: Arm, metric: Metric) -> Curve:
    """Return the difference in a metric after each number of evaluations.

    A run that has ended keeps its last value. Points before the first value of a run lack its pair.

    Args:
        arm: Only its finished runs count, at seeds that the reference finished.
        reference: The arm to subtract.
        metric: Metric of what was found so far.
    """
    assert metric.after is not None
    heights = {
        run.folder: [metric.after(point) for point in trajectory(run)]
        for run in (*arm.finished, *reference.finished)
    }
    last = max(map(len, heights.values()), default=0)
    step = max(1, -(-last // _MOST_POINTS))

    def value(run: RunResult, at: float) -> float | None:
        known = heights[run.folder]
        return known[min(int(at), len(known)) - 1] if known else None

    return _curve(arm, reference, [*range(last, 0, -step)][::-1], value)


def by_setting(
    arm: Arm, reference: Arm, metric: Metric, setting: str, values: Sequence[float]
) -> Curve:
    """Return the difference in a metric under other values of a setting in ``final``.

    Only settings that decide how finished runs are measured can be changed: ``margin``, ``useful``.
    """

    def value(run: RunResult, at: float) -> float | None:
        return metric.value(_with(run, setting, at))

    return _curve(arm, reference, values, value)


def _curve(
    arm: Arm,
    reference: Arm,
    points: Sequence[float],
    value: Callable[[RunResult, float], float | None],
) -> Curve:
    found = []
    for at in points:
        one, other = ({run.seed: value(run, at) for run in a.finished} for a in (arm, reference))
        if (difference := shift(differences(one, other))) is not None:
            found.append((at, difference))
    return found


def _with(run: RunResult, setting: str, value: float) -> RunResult:
    settings: dict[str, Any] = dict(run.manifest.settings)
    settings["final"] = {**settings["final"], setting: value}
    return replace(run, manifest=replace(run.manifest, settings=settings))
