"""What was published: a number, the metric and the arm it is about, and the tolerance."""

import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.analysis.arm import Arm
from harness.analysis.metric import Metric, Quantity, Within
from harness.analysis.metrics import METRICS, claimable_metrics, metric
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.intervals import ROUNDING
from harness.analysis.statistics.paired import differences
from harness.errors import InputError

ACCURACY = "accuracy"
"""Word for the score in papers on classification, which ``claims.yaml`` may use in names."""
ABOUT, AT_LEAST, AT_MOST, AHEAD = "about", "at least", "at most", "ahead"
RELATIONS = (ABOUT, AT_LEAST, AT_MOST, AHEAD)
MEAN, ONE_RUN, EVERY_RUN = "mean", "one run", "every run"
SUBJECTS = (MEAN, ONE_RUN, EVERY_RUN)
_LEAST = {"parameters": 1, "generation": 0}
_MOST = {"parameters": 10**15, "generation": 1_000}
"""Upper limits of bounds; a figure has a point for each generation up to the bound."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Statement:
    """One published number, and the range in which the runs on record must reproduce it.

    Attributes:
        name: Its name in ``claims.yaml``.
        says: The number in a phrase.
        series: The same without the generation, shared by the claims of one curve.
        source: Where it was published.
        comparison: Name of the comparison in ``arms.yaml`` whose runs decide it.
        arm: The arm it is about.
        minus: Another arm: the claim is of the difference, paired by seed.
        measure: Name of a metric.
        within: Limits of the metric.
        published: The number, in the stored unit: a share of 1 for a score.
        relation: ``about``: within the tolerance. ``at least``, ``at most``: on that side, less
            the tolerance. ``ahead``: above zero, as the published difference is, whose size is not
            tested.
        tolerance: In the unit of ``published``.
        of: ``mean``: the whole 95 % interval of the mean over runs must lie in the range. ``one
            run``: the 95 % prediction interval of one further run must reach the range, for a
            number published of a single run. ``every run``: the value of each run must lie in it,
            for a value without noise, such as a size, or for a recorded run.
        points: Points of a published curve, if it is of their mean.

    Raises:
        InputError: An attribute is invalid, or does not fit the others.
    """

    name: str
    says: str
    series: str
    source: str
    comparison: str
    arm: str
    minus: str | None = None
    measure: str
    within: Within = field(default_factory=Within)
    published: float
    relation: str = ABOUT
    tolerance: float = 0.0
    of: str = MEAN
    points: tuple["Statement", ...] = ()

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise InputError(f"claim {self.name}: {problem}")

    def __repr__(self) -> str:
        return f"<{self.name}: {self.says}>"

    @property
    def metric(self) -> Metric:
        """The metric that it is about."""
        return metric(self.measure)

    @property
    def is_difference(self) -> bool:
        """Whether it is of a difference, between arms or within a run."""
        return self.minus is not None or self.metric.signed

    @property
    def is_of_a_curve(self) -> bool:
        """Whether it is a point of what an arm had found by generation."""
        whole = self.minus is None and self.within.parameters is None
        return whole and "generation" in self.metric.limits

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms whose runs decide it."""
        return (self.arm,) if self.minus is None else (self.arm, self.minus)

    @property
    def bounds(self) -> tuple[float, float]:
        """The range in which the measured value must lie."""
        if self.relation == AHEAD:
            return ROUNDING, math.inf
        low, high = self.published - self.tolerance, self.published + self.tolerance
        return (
            -math.inf if self.relation == AT_MOST else low - ROUNDING,
            math.inf if self.relation == AT_LEAST else high + ROUNDING,
        )

    def value(self, run: RunResult) -> float | None:
        """Return the claimed quantity in one run, None where it has none."""
        if not self.points:
            return self.metric.value_within(run, self.within)
        known = [value for point in self.points if (value := point.value(run)) is not None]
        return statistics.fmean(known) if len(known) == len(self.points) else None

    def values(self, arms: Mapping[str, Arm]) -> list[float]:
        """Return its value in each finished run, or each difference, in order of seeds."""
        one = self._by_seed(arms[self.arm])
        if self.minus is None:
            return [one[seed] for seed in sorted(one)]
        return differences(one, self._by_seed(arms[self.minus]))

    def _by_seed(self, arm: Arm) -> dict[int, float]:
        known = {run.seed: self.value(run) for run in arm.finished}
        return {seed: value for seed, value in known.items() if value is not None}

    def _problems(self) -> Iterator[str]:
        try:
            known = self.metric
        except InputError:
            known = None
        if known is None or not known.claimable:
            names = ", ".join(METRICS[one].names(ACCURACY) for one in claimable_metrics())
            yield f"measure: expected one of {names}, got {self.measure}."
            return
        yield from self._problems_of_numbers(known)
        if self.relation not in RELATIONS:
            yield f"relation: expected one of {', '.join(RELATIONS)}, got {self.relation}."
        if self.of not in SUBJECTS:
            yield f"of: expected one of {', '.join(SUBJECTS)}, got {self.of}."
        if self.relation == AHEAD and not self.is_difference:
            yield "relation: ahead is of a difference; say minus: OTHER_ARM."
        if self.relation == AHEAD and self.published <= 0:
            yield f"relation: ahead is of a difference above 0, got {self.published}."
        if self.minus == self.arm:
            yield f"minus: expected another arm than {self.arm}."

    def _problems_of_numbers(self, known: Metric) -> Iterator[str]:
        for name, limit in vars(self.within).items():
            if limit is not None and name not in known.limits:
                yield f"within.{name}: expected a measure with this limit, {self.measure} has none."
            if limit is not None and limit < _LEAST[name]:
                yield f"within.{name}: expected at least {_LEAST[name]}, got {limit}."
            if limit is not None and limit > _MOST[name]:
                yield f"within.{name}: expected at most {_MOST[name]:,}, got {limit}."
        if not 0 <= self.tolerance < math.inf:
            yield f"tolerance: expected a number from 0 on, got {self.tolerance}."
        if not math.isfinite(self.published):
            yield f"published: expected a number, got {self.published}."
        elif known.quantity is not Quantity.NUMBER and abs(self.published) > 1:
            yield f"published: expected a share of 1, such as 0.925, got {self.published}."
