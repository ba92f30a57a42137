"""What figures draw, as values: curves of several runs with their bands, shares, paired scores."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.arm import Arm
from harness.analysis.run_result import RunResult
from harness.analysis.trajectory import Point, progress
from harness.evolution import pareto

AXES: Mapping[str, Callable[[Point], float | None]] = {
    "evaluations": lambda point: point.evaluations,
    "tokens": lambda point: point.tokens,
    "train_s": lambda point: point.train_s,
}
"""What can be spent."""
HEIGHTS: Mapping[str, Callable[[Point], float | None]] = {
    "best": lambda point: point.best,
    "hypervolume": lambda point: point.hypervolume,
}
_MOST_PLACES = 400
"""More places along an axis than a figure can show."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """Steps of the median of several runs, between their quartiles; heights hold to the next."""

    at: tuple[float, ...]
    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


def band(arm: Arm, *, axis: str, height: str) -> Band | None:
    """Return how an arm's finished runs came along, from where all of them have a value.

    None where they have none, or where what they spent is unknown. A run that spends no more stays
    at its last height.
    """
    curves = [_curve(run, axis, height) for run in arm.finished]
    known = [curve for curve in curves if curve]
    if not known or len(known) < len(curves):
        return None
    start = max(curve[0][0] for curve in known)
    places = sorted({x for curve in known for x, _ in curve if x >= start} | {start})
    places = sorted({*places[:: -(-len(places) // _MOST_PLACES)], places[-1]})
    spread = [_quartiles([_height(curve, x) for curve in known]) for x in places]
    low, median, high = zip(*spread, strict=True)
    return Band(at=tuple(places), low=low, median=median, high=high)


def _curve(run: RunResult, axis: str, height: str) -> list[tuple[float, float]]:
    """Return a run's points where they rise, and its last; empty where the axis is unknown."""
    found: list[tuple[float, float]] = []
    for point in progress(run):
        x, y = AXES[axis](point), HEIGHTS[height](point)
        if x is None:
            return []
        if y is not None:
            found.append((x, y))
    return found


def _height(curve: Sequence[tuple[float, float]], x: float) -> float:
    return max((y for at, y in curve if at <= x), default=curve[0][1])


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def surface(arm: Arm, share: float) -> list[pareto.Objectives]:
    """Return what this share of an arm's finished runs attained, see ``pareto.attained``."""
    fronts = [[c.objectives for c in run.front if c.objectives] for run in arm.finished]
    return pareto.attained(fronts, share)


def funnel(arm: Arm) -> dict[str, Counter[str]]:
    """Count an arm's proposals by operators, and where each ended: a gate, or ``valid``."""
    ends: dict[str, Counter[str]] = {}
    for candidate in (c for run in arm.finished for c in run.candidates):
        operators = " + ".join(dict.fromkeys(v.operator for v in candidate.variations))
        end = "valid" if candidate.valid else str(candidate.gate)
        ends.setdefault(operators, Counter())[end] += 1
    return dict(sorted(ends.items()))


@dataclass(frozen=True, kw_only=True)
class Regression:
    """One run's pick: its score in the search, and what it came to when trained again."""

    seed: int
    in_search: float
    retrained: float | None
    test: float | None


def regressions(arm: Arm) -> list[Regression]:
    """Return the scores of an arm's picks; a search that saw test images has none of its own."""
    return [
        Regression(
            seed=run.seed,
            in_search=run.pick.objectives.score,
            retrained=_mean(run.retrained.get(run.pick.step, ())),
            test=_mean(run.finals.get(run.pick.step, ())),
        )
        for run in arm.finished
        if run.pick and run.pick.objectives and not arm.saw_test_data
    ]


def seed_regressions(runs: Sequence[RunResult]) -> list[Regression]:
    """Return the same of the seed network, once for each seed, where nobody chose."""
    by_seed = {run.seed: run for run in runs if run.complete and not run.saw_test_data}
    return [
        Regression(
            seed=seed,
            in_search=run.seed_objectives.score,
            retrained=_mean(run.retrained.get("seed", ())),
            test=_mean(run.finals.get("seed", ())),
        )
        for seed, run in sorted(by_seed.items())
    ]


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
