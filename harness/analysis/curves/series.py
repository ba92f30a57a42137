"""Data behind the figures: curves with bands, attainment surfaces, outcomes, paired scores."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.arm import Arm
from harness.analysis.curves.trajectory import trajectory
from harness.analysis.metric import Metric
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.intervals import mean, quartiles
from harness.evolution import pareto

_MOST_POINTS = 400
"""More points along an axis than a figure can show."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """Step curves of several runs: their median and quartiles; a value holds to the next x."""

    x: tuple[float, ...]
    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


def band(arm: Arm, *, x: Metric, y: Metric) -> Band | None:
    """Return one metric against another, after each evaluation of an arm's finished runs.

    The curves start where every run has a value. A run that has ended keeps its last value.

    Args:
        arm: Only its finished runs count.
        x: Metric that grows with the evaluations.
        y: Metric of what was found so far.

    Returns:
        None if no run has a value, or if one run does not know its x.
    """
    curves = [_curve(run, x, y) for run in arm.finished]
    known = [curve for curve in curves if curve]
    if not known or len(known) < len(curves):
        return None
    start = max(curve[0][0] for curve in known)
    points = sorted({at for curve in known for at, _ in curve if at >= start} | {start})
    points = sorted({*points[:: -(-len(points) // _MOST_POINTS)], points[-1]})
    spread = [quartiles([_height(curve, at) for curve in known]) for at in points]
    low, median, high = zip(*spread, strict=True)
    return Band(x=tuple(points), low=low, median=median, high=high)


def _curve(run: RunResult, x: Metric, y: Metric) -> list[tuple[float, float]]:
    """Return a run's points that have a y; none where an x is unknown."""
    assert x.after is not None
    assert y.after is not None
    points = [(x.after(point), y.after(point)) for point in trajectory(run)]
    if any(at is None for at, _ in points):
        return []
    return [(at, height) for at, height in points if at is not None and height is not None]


def _height(curve: Sequence[tuple[float, float]], x: float) -> float:
    return max((y for at, y in curve if at <= x), default=curve[0][1])


def surface(arm: Arm, share: float) -> list[pareto.Objectives]:
    """Return what this share of an arm's finished runs attained, see ``pareto.attained``."""
    fronts = [[c.objectives for c in run.front if c.objectives] for run in arm.finished]
    return pareto.attained(fronts, share)


def outcomes(arm: Arm) -> dict[str, Counter[str]]:
    """Count an arm's proposals by operators and outcome: the gate that refused it, or ``valid``."""
    counts: dict[str, Counter[str]] = {}
    for candidate in (c for run in arm.finished for c in run.candidates):
        operators = " + ".join(dict.fromkeys(v.operator for v in candidate.variations))
        outcome = "valid" if candidate.valid else str(candidate.gate)
        counts.setdefault(operators, Counter())[outcome] += 1
    return dict(sorted(counts.items()))


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Regression to the mean of one network: its score in the search, and when re-trained.

    Attributes:
        seed: Seed of the run.
        in_search: Validation score of the one training of the search.
        retrained: Mean validation score over its re-trainings, None without one.
        test: Mean test score over its re-trainings, None without one.
    """

    seed: int
    in_search: float
    retrained: float | None
    test: float | None


def regressions(arm: Arm) -> list[Regression]:
    """Return the scores of an arm's selected networks; none if its search saw the test split."""
    return [
        _regression(run, run.selected.step, run.selected.objectives)
        for run in arm.finished
        if run.selected and run.selected.objectives and not arm.saw_test_data
    ]


def seed_regressions(runs: Sequence[RunResult]) -> list[Regression]:
    """Return the scores of the seed network, which no search selected, once for each seed."""
    by_seed = {run.seed: run for run in runs if run.complete and not run.saw_test_data}
    return [_regression(run, "seed", run.seed_objectives) for _, run in sorted(by_seed.items())]


def _regression(run: RunResult, step: str, objectives: pareto.Objectives) -> Regression:
    return Regression(
        seed=run.seed,
        in_search=objectives.score,
        retrained=mean(run.retrained.get(step, ())),
        test=mean(run.finals.get(step, ())),
    )
