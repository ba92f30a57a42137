"""Arms compared over several tasks: comparisons of different data, by one metric."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.arm import Arm, differing_arm_settings
from harness.analysis.comparison import Comparison, paired_differences
from harness.analysis.metric import Metric
from harness.analysis.statistics.intervals import Interval
from harness.analysis.statistics.several_tasks import (
    Posterior,
    bayesian_signed_rank,
    interquartile_mean,
    probability_of_improvement,
)
from harness.seeding import derived_seed

_FEWEST_RUNS = 2
_MOST_NAMED = 3
"""Most differing settings of an arm that a reason names."""


@dataclass(frozen=True, kw_only=True)
class Against:
    """One arm against the reference, over several tasks.

    Attributes:
        improvement: Probability that a run beats one of the reference.
        posterior: Probabilities over tasks; None where a task has no difference, or where the tasks
            have no region of practical equivalence in common.
    """

    improvement: Interval
    posterior: Posterior | None


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """One arm over several tasks.

    Attributes:
        arm: Its name on the first task.
        iqm: Interquartile mean over all its runs, a run without a value as the worst.
        failed: Number of its runs that fail by this metric, see ``Metric.fails``.
        runs: Number of its runs.
        against: Its comparison with the reference; None for the reference alone.
    """

    arm: str
    iqm: Interval
    failed: int
    runs: int
    against: Against | None


def tasks_of(found: Sequence[Comparison]) -> list[Comparison]:
    """Return one comparison for each data set, the first, if their references have one name.

    Empty with fewer than two data sets.
    """
    by_data: dict[str, Comparison] = {}
    for one in found:
        by_data.setdefault(one.runs[0].manifest.data.digest, one)
    tasks = list(by_data.values())
    names = {one.reference.name if one.reference else None for one in tasks}
    return tasks if len(tasks) > 1 and len(names) == 1 and None not in names else []


def region_of(tasks: Sequence[Comparison], metric: Metric) -> float | None:
    """Return the region of practical equivalence: the least difference that matters.

    Returns:
        0 where no task has one, None where the tasks have different ones.
    """
    regions = {task.relevant(metric) for task in tasks}
    return next(iter(regions)) or 0.0 if len(regions) == 1 else None


def left_out(tasks: Sequence[Comparison]) -> Iterator[str]:
    """Yield the arms that ``aggregates`` leaves out, each with the reason."""
    common = _in_every(tasks)
    by_name: dict[str, list[Arm]] = {}
    for task in tasks:
        for arm in task.arms:
            if arm.identity not in common:
                by_name.setdefault(arm.name, []).append(arm)
    for name, arms in by_name.items():
        first, *others = (arm.runs[0] for arm in arms)
        differing = {s for other in others for s in differing_arm_settings(first, other)}
        if arms[0].saw_test_data:
            yield f"{name}, since its search saw test data"
        elif differing:
            named = sorted(differing)[:_MOST_NAMED]
            more = f" and {len(differing) - len(named)} more" if len(differing) > len(named) else ""
            yield f"{name}, of which tasks have different settings ({', '.join(named)}{more})"
        else:
            yield f"{name}, without {_FEWEST_RUNS} completed runs on each task"


def aggregates(tasks: Sequence[Comparison], metric: Metric) -> list[Aggregate]:
    """Return the arms that have two finished runs or more in every task, the reference first.

    An arm is the same on two tasks if its settings are, whatever its name in their tables.

    Args:
        tasks: Comparisons with different data and one reference.
        metric: Metric in a unit that these tasks share.

    Returns:
        The arms; none where the reference is not the same arm on every task.
    """
    assert tasks[0].reference is not None
    reference = tasks[0].reference.identity
    common = _in_every(tasks)
    if reference not in common:
        return []
    region = region_of(tasks, metric)
    arms = [{arm.identity: arm for arm in task.arms if arm.identity in common} for task in tasks]
    values = [{key: _values(arm, metric) for key, arm in task.items()} for task in arms]
    differences = [
        {arm.identity: found.shift for arm, found in paired_differences(task, metric)}
        for task in tasks
    ]
    found = []
    for key in (reference, *(key for key in arms[0] if key != reference)):
        rng = np.random.default_rng(derived_seed(0, "several tasks", arms[0][key].name))
        mine = [task[key] for task in values]
        iqm = interquartile_mean(mine, rng)
        against = None
        if all(key in task for task in differences):
            shifts = [None if (one := task[key]) is None else one.estimate
                      for task in differences]  # fmt: skip
            theirs = [task[reference] for task in values]
            against = _against(mine, theirs, shifts, metric, region=region, rng=rng)
        runs = [run for task in arms for run in task[key].finished]
        failed = sum(map(metric.fails, runs))
        found.append(
            Aggregate(
                arm=arms[0][key].name, iqm=iqm, failed=failed, runs=len(runs), against=against
            )
        )
    return found


def _in_every(tasks: Sequence[Comparison]) -> frozenset[str]:
    """Return the identities of the arms that can be compared on every task."""
    return frozenset.intersection(
        *(
            frozenset(
                arm.identity
                for arm in task.arms
                if len(arm.finished) >= _FEWEST_RUNS and not arm.saw_test_data
            )
            for task in tasks
        )
    )


def _values(arm: Arm, metric: Metric) -> list[float]:
    """Return the value of each finished run; a run without one counts as the worst."""
    worst = math.inf if metric.lower_is_better else -math.inf
    values = (metric.value_if_whole(run) for run in arm.finished)
    return [worst if value is None else value for value in values]


def _against(
    mine: Sequence[Sequence[float]],
    theirs: Sequence[Sequence[float]],
    shifts: Sequence[float | None],
    metric: Metric,
    *,
    region: float | None,
    rng: np.random.Generator,
) -> Against:
    sign = -1 if metric.lower_is_better else 1
    better, worse = (theirs, mine) if metric.lower_is_better else (mine, theirs)
    improvement = probability_of_improvement(better, worse, rng)
    known = [sign * one for one in shifts if one is not None]
    if region is None or len(known) < len(shifts):
        return Against(improvement=improvement, posterior=None)
    posterior = bayesian_signed_rank(known, region, rng)
    return Against(improvement=improvement, posterior=posterior)
