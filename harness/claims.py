"""Published claims as values, and whether the runs on record bear them out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from harness.columns import NONE, number
from harness.errors import InputError
from harness.inference import Interval, differences, mean_interval
from harness.measures import MEASURES, Arm
from harness.progress import evaluations_to
from harness.results import RunResult

HOLDS, FAILS, UNDECIDED, NOT_RUN = "holds", "does not hold", "undecided", "not run"
ABOUT, AT_LEAST, AT_MOST, AHEAD = "about", "at least", "at most", "ahead"
RELATIONS = (ABOUT, AT_LEAST, AT_MOST, AHEAD)
MEAN, EVERY_RUN = "mean", "every run"
SUBJECTS = (MEAN, EVERY_RUN)
_ROUNDING = 1e-9
"""Differences of accuracies are not exact in binary."""


@dataclass(frozen=True, kw_only=True)
class Within:
    """What a claim is confined to; None where it is not."""

    parameters: int | None = None
    """Networks of at most so many parameters."""
    generation: int | None = None
    """What the search had found after this generation; the founders are generation 0."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What can be claimed of a run: its value there, and how that is written."""

    value: Callable[[RunResult, Within], float | None]
    digits: int
    percent: bool = False
    heeds: frozenset[str] = frozenset()
    """Which limits it can be confined to."""

    def write(self, value: float | Interval, *, sign: str) -> str:
        """Write a value without its unit."""
        return number(self.digits, times=100 if self.percent else 1, sign=sign)(value)


def _best(run: RunResult, within: Within) -> float | None:
    most = within.parameters or run.seed_objectives[1]
    found = (c.objectives for c in run.evaluated if c.objectives)
    return max((accuracy for accuracy, n_params in found if n_params <= most), default=None)


def _retrained_test(run: RunResult, within: Within) -> float | None:
    """Choose by validation accuracy when re-trained, so that the test split chooses nothing."""
    if within.parameters is None:
        return MEASURES["test_accuracy"](run)
    small = [
        candidate.step
        for candidate in run.front
        if candidate.objectives and candidate.objectives[1] <= within.parameters
    ]
    able = [step for step in small if run.retrained.get(step) and run.finals.get(step)]
    chosen = max(able, key=lambda step: fmean(run.retrained[step]), default=None)
    return None if chosen is None else fmean(run.finals[chosen])


def _seed_test(run: RunResult, _: Within) -> float | None:
    scores = run.finals.get("seed", ())
    return fmean(scores) if scores else None


def _valid(run: RunResult, _: Within) -> float | None:
    return fmean(c.valid for c in run.candidates) if run.candidates else None


def _size(run: RunResult, _: Within) -> float | None:
    return run.pick.objectives[1] if run.pick and run.pick.objectives else None


_SIZE, _TIME = "parameters", "generation"
MEASURED: Mapping[str, Measure] = {
    "best_accuracy": Measure(value=_best, digits=2, percent=True, heeds=frozenset({_SIZE, _TIME})),
    "test_accuracy": Measure(
        value=_retrained_test, digits=2, percent=True, heeds=frozenset({_SIZE})
    ),
    "parameters": Measure(value=_size, digits=0, heeds=frozenset({_TIME})),
    "hypervolume": Measure(
        value=lambda run, _: run.hypervolume, digits=3, heeds=frozenset({_TIME})
    ),
    "anytime_hypervolume": Measure(value=lambda run, _: MEASURES["anytime"](run), digits=3),
    "evaluations_to_half_size": Measure(value=lambda run, _: evaluations_to(run), digits=0),
    "valid": Measure(value=_valid, digits=1, percent=True, heeds=frozenset({_TIME})),
    "seed_parameters": Measure(value=lambda run, _: run.seed_objectives[1], digits=0),
    "seed_test_accuracy": Measure(value=_seed_test, digits=2, percent=True),
}
"""``best_accuracy``: validation, in the search, of at most the seed network's size where nothing
else is said. ``test_accuracy``: re-trained; of the pick, or of the network of at most so many
parameters that re-trains best on validation images. ``parameters``: of the pick. ``valid``: share
of proposals that passed every gate and trained. The others are the table's."""


class ClaimFails(AssertionError):  # noqa: N818 - what a claim does
    """The record does not bear a claim out; its text says what was wanted and what was measured."""

    def __init__(self, verdict: "Verdict") -> None:
        super().__init__(verdict.told)
        self.verdict = verdict


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

    def _problems(self) -> list[str]:
        if self.measure not in MEASURED:
            return [f"measure: expected one of {', '.join(MEASURED)}, got {self.measure}."]
        heeds = MEASURED[self.measure].heeds
        limits = {name for name, limit in vars(self.within).items() if limit is not None}
        told = {
            "relation": (self.relation, RELATIONS),
            "of": (self.of, SUBJECTS),
        }
        return [
            *(
                f"{name}: expected one of {', '.join(choices)}, got {value}."
                for name, (value, choices) in told.items()
                if value not in choices
            ),
            *(
                f"within.{name}: expected a measure that can be so confined, {self.measure} cannot."
                for name in sorted(limits - heeds)
            ),
            *(["tolerance: expected a number of at least 0."] if self.tolerance < 0 else []),
            *(
                ["relation: ahead is of a difference; say minus: OTHER_ARM."]
                if self.relation == AHEAD and self.minus is None
                else []
            ),
        ]

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms whose runs decide it."""
        return (self.arm,) if self.minus is None else (self.arm, self.minus)

    def judge(self, arms: Mapping[str, Arm]) -> "Verdict":
        """Say whether the finished runs of these arms bear it out."""
        values = self.values(arms)
        planned = len({run.seed for run in arms[self.arm].finished})
        if len(values) < planned:
            lost = planned - len(values)
            return self._verdict(
                FAILS, None, values, f"{lost} of {planned} runs have no such value"
            )
        if self.of == EVERY_RUN:
            return self._every(values)
        interval = mean_interval(values)
        if interval is None:
            return self._verdict(UNDECIDED, values[0], values, "one run has no interval")
        return self._verdict(self._side(interval.low, interval.high), interval, values)

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
    ) -> "Verdict":
        return Verdict(claim=self, word=word, measured=measured, n=len(values), reason=reason)

    def written(self, value: float | Interval | None) -> str:
        """Write a value of this claim as tables have it, with its unit."""
        if value is None:
            return NONE
        told = MEASURED[self.measure].write(value, sign="+" if self.minus else ",")
        return f"{told} {self._unit}".strip()

    @property
    def _unit(self) -> str:
        if not MEASURED[self.measure].percent:
            return ""
        return "points" if self.minus else "%"

    @property
    def wanted(self) -> str:
        """Say where the measured value has to lie."""
        measure = MEASURED[self.measure]
        if self.relation == AHEAD:
            told = "more than 0"
        elif self.relation == ABOUT and self.tolerance:
            near = measure.write(self.tolerance, sign=",")
            told = f"± {near} points" if measure.percent else f"± {near}"
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
    """Runs, or pairs of runs, that it was measured in."""
    reason: str
    """What the measured value does not say by itself; may be empty."""

    def __repr__(self) -> str:
        return f"<{self.claim.name}: {self.word}>"

    @property
    def holds(self) -> bool:
        """Say whether the record bears the claim out."""
        return self.word == HOLDS

    @property
    def told(self) -> str:
        """Say all of it in a few lines, what became of it first."""
        claim = self.claim
        what = "mean [least, most]" if claim.of == EVERY_RUN else "mean [95 % CI]"
        runs = "1 run" if self.n == 1 else f"{self.n} runs"
        return (
            f"{self.word}: measured {claim.written(self.measured)}, wanted {claim.wanted}\n"
            f"  claim: {claim.says}, published {claim.written(claim.published)} ({claim.source})\n"
            f"  measured in {runs} of {' less '.join(claim.arms)}: {what}"
            + (f"; {self.reason}" if self.reason else "")
        )


def up_to(run: RunResult, generation: int) -> RunResult:
    """Return a run as it was after a generation."""
    kept = tuple(c for c in run.candidates if _generation(c.step) <= generation)
    return replace(run, candidates=kept)


def _generation(step: str) -> int:
    return int(step.removeprefix("g").partition(".")[0])
