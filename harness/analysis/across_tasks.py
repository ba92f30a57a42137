"""Arms compared over several tasks: comparisons of different data, by one metric."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """One arm over several tasks.

    Attributes:
        arm: Its name.
        iqm: Interquartile mean over all its runs, a run without a value as the worst.
        improvement: Probability that a run beats one of the reference; None for the reference.
        posterior: Probabilities over tasks against the reference; None for the reference, or where
            a task has no difference.
    """

    arm: str
    iqm: Interval
    improvement: Interval | None
    posterior: Posterior | None


def tasks_of(found: Sequence[Comparison]) -> list[Comparison]:
    """Return one comparison for each data set, the first, if they have the same reference.

    Empty with fewer than two data sets, or if their reference arms differ.
    """
    by_data: dict[str, Comparison] = {}
    for one in found:
        by_data.setdefault(one.runs[0].manifest.data.digest, one)
    tasks = list(by_data.values())
    names = {one.reference.name if one.reference else None for one in tasks}
    return tasks if len(tasks) > 1 and len(names) == 1 and None not in names else []


def aggregates(tasks: Sequence[Comparison], metric: Metric) -> list[Aggregate]:
    """Return the arms that have two finished runs or more in every task, the reference first.

    Args:
        tasks: Comparisons with different data and one reference.
        metric: Metric in a unit that these tasks share.
    """
    worst = math.inf if metric.lower_is_better else -math.inf
    values = [
        {
            arm.name: [
                worst if (value := metric.value_if_whole(run)) is None else value
                for run in arm.finished
            ]
            for arm in task.arms
            if len(arm.finished) >= _FEWEST_RUNS and not arm.saw_test_data
        }
        for task in tasks
    ]
    assert tasks[0].reference is not None
    reference = tasks[0].reference.name
    names = [name for name in values[0] if all(name in task for task in values)]
    if reference not in names:
        return []
    differences = [
        {arm.name: found.shift for arm, found in paired_differences(task, metric)} for task in tasks
    ]
    ordered = [reference, *(name for name in names if name != reference)]
    return [
        _aggregate(
            name,
            [task[name] for task in values],
            [task[reference] for task in values],
            [None if (one := task.get(name)) is None else one.estimate for task in differences],
            metric,
            rope=tasks[0].relevant(metric) or 0.0,
        )
        for name in ordered
    ]


def _aggregate(
    arm: str,
    mine: Sequence[Sequence[float]],
    theirs: Sequence[Sequence[float]],
    differences: Sequence[float | None],
    metric: Metric,
    *,
    rope: float,
) -> Aggregate:
    sign = -1 if metric.lower_is_better else 1
    known = [sign * one for one in differences if one is not None]
    rng = np.random.default_rng(derived_seed(0, "several tasks", arm))
    iqm = interquartile_mean(mine, rng)
    if not known:
        return Aggregate(arm=arm, iqm=iqm, improvement=None, posterior=None)
    better, worse = (theirs, mine) if metric.lower_is_better else (mine, theirs)
    return Aggregate(
        arm=arm,
        iqm=iqm,
        improvement=probability_of_improvement(better, worse, rng),
        posterior=bayesian_signed_rank(known, rope, rng) if len(known) == len(mine) else None,
    )
