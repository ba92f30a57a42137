"""Published claims as values, and whether the runs on record bear them out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from harness.analysis.arm import Arm
from harness.analysis.metrics import MEASURED, Measure, Within, generations, up_to
from harness.analysis.run_result import RunResult
from harness.analysis.stats import Interval, differences, mean_interval
from harness.errors import InputError, NotRun
from harness.reporting.formatting import NONE

HOLDS, FAILS, UNDECIDED, NOT_RUN = "holds", "does not hold", "undecided", "not run"
ABOUT, AT_LEAST, AT_MOST, AHEAD = "about", "at least", "at most", "ahead"
RELATIONS = (ABOUT, AT_LEAST, AT_MOST, AHEAD)
MEAN, EVERY_RUN = "mean", "every run"
SUBJECTS = (MEAN, EVERY_RUN)
_LEAST = {"parameters": 1, "generation": 0}
_ROUNDING = 1e-9
"""Differences of accuracies are not exact in binary."""


class ClaimFails(AssertionError):  # noqa: N818 - what a claim does
    """The record does not bear a claim out; its text says what was wanted and what was measured."""

    def __init__(self, verdict: "Verdict") -> None:
        super().__init__(verdict.told)


@dataclass(frozen=True, kw_only=True, repr=False)
class Claim:
    """One published number, what of our runs it speaks of, and how near they must come."""

    name: str
    says: str
    """What the number is, in a phrase."""
    series: str
    """The same without the generation: what claims of one curve share."""
    source: str
    comparison: str
    """Name of the comparison, in ``arms.yaml``, whose runs decide it."""
    arm: str
    minus: str | None = None
    """Another arm: the claim is of the difference, paired by seed."""
    measure: str
    within: Within = field(default_factory=Within)
    published: float
    relation: str = ABOUT
    """``about``: within the tolerance. ``at least``, ``at most``: on that side, less the tolerance.
    ``ahead``: above zero, as the published difference is."""
    tolerance: float = 0.0
    of: str = MEAN
    """``mean``: the 95 % interval of the mean over runs must lie there as a whole. ``every run``:
    each run by itself, for what is no draw, such as a size, or for a run that was recorded."""

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise InputError(f"claim {self.name}: {problem}")

    def __repr__(self) -> str:
        return f"<{self.name}: {self.says}>"

    def _problems(self) -> Iterator[str]:
        if self.measure not in MEASURED:
            yield f"measure: expected one of {', '.join(MEASURED)}, got {self.measure}."
            return
        yield from self._problems_of_numbers(MEASURED[self.measure])
        if self.relation not in RELATIONS:
            yield f"relation: expected one of {', '.join(RELATIONS)}, got {self.relation}."
        if self.of not in SUBJECTS:
            yield f"of: expected one of {', '.join(SUBJECTS)}, got {self.of}."
        if self.relation == AHEAD and not self._signed:
            yield "relation: ahead is of a difference; say minus: OTHER_ARM."
        if self.relation == AHEAD and self.published <= 0:
            yield f"relation: ahead is of a difference above 0, got {self.published}."
        if self.minus == self.arm:
            yield f"minus: expected another arm than {self.arm}."

    def _problems_of_numbers(self, measure: Measure) -> Iterator[str]:
        for name, limit in vars(self.within).items():
            if limit is not None and name not in measure.heeds:
                yield f"within.{name}: expected a measure that heeds it, {self.measure} does not."
            if limit is not None and limit < _LEAST[name]:
                yield f"within.{name}: expected at least {_LEAST[name]}, got {limit}."
        if not 0 <= self.tolerance < math.inf:
            yield f"tolerance: expected a number from 0 on, got {self.tolerance}."
        if not math.isfinite(self.published):
            yield f"published: expected a number, got {self.published}."
        elif measure.percent and abs(self.published) > 1:
            yield f"published: expected a share of 1, such as 0.925, got {self.published}."

    @property
    def _signed(self) -> bool:
        """Whether it is of a difference."""
        return self.minus is not None or MEASURED[self.measure].signed

    @property
    def is_of_a_curve(self) -> bool:
        """Whether it is a point of what an arm had found by generation."""
        whole = self.minus is None and self.within.parameters is None
        return whole and "generation" in MEASURED[self.measure].heeds

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms whose runs decide it."""
        return (self.arm,) if self.minus is None else (self.arm, self.minus)

    def judge(self, arms: Mapping[str, Arm]) -> "Verdict":
        """Say whether the finished runs of these arms bear it out; NotRun where one is missing."""
        for arm in (arms[name] for name in self.arms):
            if len(arm.finished) < arm.planned:
                raise NotRun(f"{len(arm.finished)} of {arm.planned} runs of {arm.name} done")
        values = self.values(arms)
        planned = len(arms[self.arm].finished)
        if lost := planned - len(values):
            reason = f"{lost} of {planned} runs have not found {self._sought}"
            return self._verdict(UNDECIDED, None, values, reason, of=planned)
        if self.of == EVERY_RUN:
            return self._every(values)
        interval = mean_interval(values)
        if interval is None:
            return self._verdict(UNDECIDED, values[0], values, "one run has no interval")
        if interval.high - interval.low < _ROUNDING:
            told = "runs that do not differ give their mean no interval"
            return self._verdict(UNDECIDED, interval.mean, values, told)
        if MEASURED[self.measure].percent and not self._signed:
            low, high = max(0.0, interval.low), min(1.0, interval.high)
            interval = Interval(mean=interval.mean, low=low, high=high)
        return self._verdict(self._side(interval.low, interval.high), interval, values)

    @property
    def _sought(self) -> str:
        """What a run without a value has not found."""
        size = self.within.parameters or (
            "the seed network's" if self.measure == "best_score" else None
        )
        told = f"a network of at most {size} parameters" if size else "any such value"
        at = self.within.generation
        return told if at is None else f"{told} by a generation {at}"

    def check(self, arms: Mapping[str, Arm]) -> None:
        """Raise ClaimFails unless the finished runs of these arms bear it out."""
        verdict = self.judge(arms)
        if not verdict.holds:
            raise ClaimFails(verdict)

    def values(self, arms: Mapping[str, Arm]) -> list[float]:
        """Return its value in each finished run, or each difference, in order of seeds."""
        one = self._by_seed(arms[self.arm])
        if self.minus is None:
            return [one[seed] for seed in sorted(one)]
        return differences(one, self._by_seed(arms[self.minus]))

    def _by_seed(self, arm: Arm) -> dict[int, float]:
        known = {run.seed: self.value(run) for run in arm.finished}
        return {seed: value for seed, value in known.items() if value is not None}

    def value(self, run: RunResult) -> float | None:
        """Return what it speaks of, in one run; None where there is no such."""
        if self.within.generation is not None:
            if generations(run) <= self.within.generation:
                return None  # it never came so far
            run = up_to(run, self.within.generation)
        return MEASURED[self.measure].value(run, self.within)

    @property
    def bounds(self) -> tuple[float, float]:
        """Where the measured value has to lie."""
        if self.relation == AHEAD:
            return _ROUNDING, float("inf")
        low, high = self.published - self.tolerance, self.published + self.tolerance
        return (
            float("-inf") if self.relation == AT_MOST else low - _ROUNDING,
            float("inf") if self.relation == AT_LEAST else high + _ROUNDING,
        )

    def _every(self, values: Sequence[float]) -> "Verdict":
        low, high = self.bounds
        inside = sum(low <= value <= high for value in values)
        measured = values[0] if len(set(values)) == 1 else Interval(
            mean=fmean(values), low=min(values), high=max(values)
        )  # fmt: skip
        if inside == len(values):
            return self._verdict(HOLDS, measured, values)
        return self._verdict(FAILS, measured, values, f"{inside} of {len(values)} runs are there")

    def _side(self, low: float, high: float) -> str:
        least, most = self.bounds
        if least <= low and high <= most:
            return HOLDS
        return FAILS if high < least or low > most else UNDECIDED

    def _verdict(
        self,
        word: str,
        measured: Interval | float | None,
        values: Sequence[float],
        reason: str = "",
        of: int | None = None,
    ) -> "Verdict":
        n = len(values)
        return Verdict(
            claim=self, word=word, measured=measured, n=n, of=n if of is None else of, reason=reason
        )

    def written(self, value: float | Interval | None) -> str:
        """Write a value of this claim as tables have it, with its unit."""
        if value is None:
            return NONE
        told = MEASURED[self.measure].write(value, sign="+" if self._signed else ",")
        return f"{told} {self._unit}".strip()

    @property
    def _unit(self) -> str:
        if not MEASURED[self.measure].percent:
            return ""
        return "points" if self._signed else "%"

    @property
    def wanted(self) -> str:
        """Say where the measured value has to lie."""
        measure = MEASURED[self.measure]
        if self.relation == AHEAD:
            told = "more than 0"
        elif self.relation == ABOUT and self.tolerance:
            near = round(self.tolerance * (100 if measure.percent else 1), 9)
            told = f"± {near:,g} points" if measure.percent else f"± {near:,g}"
        elif self.relation == ABOUT:
            told = "exactly"
        else:
            edge = self.tolerance if self.relation == AT_MOST else -self.tolerance
            told = f"{self.relation} {self.written(self.published + edge)}"
        return f"{told}, {EVERY_RUN}" if self.of == EVERY_RUN else told


@dataclass(frozen=True, kw_only=True, repr=False)
class Verdict:
    """What the record says of a claim: the word for it, what was measured, and why."""

    claim: Claim
    word: str
    """``holds``, ``does not hold``, ``undecided`` or ``not run``."""
    measured: Interval | float | None
    """The mean and its 95 % interval; of ``every run`` the mean, the least and the most."""
    n: int
    """Runs, or pairs of runs, that have such a value."""
    of: int
    """Runs that could have."""
    reason: str
    """What the measured value does not say by itself; may be empty."""

    def __repr__(self) -> str:
        return f"<{self.claim.name}: {self.word}>"

    @property
    def holds(self) -> bool:
        """Say whether the record bears the claim out."""
        return self.word == HOLDS

    @property
    def runs(self) -> str:
        """Say how many runs have such a value, and of how many if not all have."""
        return str(self.n) if self.n == self.of else f"{self.n} of {self.of}"

    @property
    def told(self) -> str:
        """Say all of it in a few lines, what became of it first."""
        claim = self.claim
        several = "mean [least, most]" if claim.of == EVERY_RUN else "mean [95 % CI]"
        what = f": {several}" if isinstance(self.measured, Interval) else ""
        runs = "1 run" if self.of == 1 else f"{self.runs} runs"
        return (
            f"{self.word}: measured {claim.written(self.measured)}, wanted {claim.wanted}\n"
            f"  claim: {claim.says}, published {claim.written(claim.published)} ({claim.source})\n"
            f"  measured in {runs} of {' less '.join(claim.arms)}{what}"
            + (f"; {self.reason}" if self.reason else "")
        )
