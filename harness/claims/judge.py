"""Verdicts on claims: whether the runs on record support them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.analysis.arm import Arm
from harness.analysis.statistics.intervals import Interval, mean_interval, prediction_interval
from harness.claims.statement import EVERY_RUN, ONE_RUN, Statement
from harness.errors import NotRun
from harness.tasks.base import Wording

HOLDS, NOT_CONTRADICTED, FAILS = "holds", "not contradicted", "does not hold"
INCONCLUSIVE, NOT_RUN = "inconclusive", "not run"
WORDS = (HOLDS, NOT_CONTRADICTED, FAILS, INCONCLUSIVE, NOT_RUN)


@dataclass(frozen=True, kw_only=True, repr=False)
class Verdict:
    """The result of judging a claim by the runs on record.

    Attributes:
        claim: The claim.
        word: One of ``WORDS``.
        measured: The mean and its 95 % interval; for ``one run`` the mean and the 95 % prediction
            interval; for ``every run`` the mean, the least and the greatest value; one value alone;
            None where there is none.
        n: Number of runs, or pairs of runs, that have such a value.
        of: Number of runs that could have one.
        reason: Reason of the verdict, where the measured value does not show it.
        wording: Words of the task of the runs, None without a run.
    """

    claim: Statement
    word: str
    measured: Interval | float | None
    n: int
    of: int
    reason: str
    wording: Wording | None

    def __repr__(self) -> str:
        return f"<{self.claim.name}: {self.word}>"

    @property
    def passes(self) -> bool:
        """Whether the test of the claim passes: it holds, or is not contradicted."""
        return self.word in {HOLDS, NOT_CONTRADICTED}


def judge(claim: Statement, arms: Mapping[str, Arm]) -> Verdict:
    """Judge a claim by the finished runs of its arms.

    Raises:
        NotRun: One of the runs is missing.
    """
    for arm in (arms[name] for name in claim.arms):
        if len(arm.finished) < arm.planned:
            raise NotRun(f"{len(arm.finished)} of {arm.planned} runs of {arm.name} done")
    values = claim.values(arms)
    runs = arms[claim.arm].finished
    word, measured, reason = _decide(claim, values, planned=len(runs))
    return Verdict(
        claim=claim,
        word=word,
        measured=measured,
        n=len(values),
        of=len(runs),
        reason=reason,
        wording=runs[0].wording if runs else None,
    )


def side(claim: Statement, low: float, high: float) -> str:
    """Return the verdict on an interval: it lies in the required range, outside, or across.

    A prediction interval across the range does not contradict a claim of one run.
    """
    least, most = claim.bounds
    if high < least or low > most:
        return FAILS
    if least <= low and high <= most:
        return HOLDS
    return NOT_CONTRADICTED if claim.of == ONE_RUN else INCONCLUSIVE


def interval_of(claim: Statement, values: Sequence[float]) -> Interval | None:
    """Return the interval of values that a claim is judged by, None without two unequal ones."""
    interval = prediction_interval(values) if claim.of == ONE_RUN else mean_interval(values)
    if interval is None or claim.is_difference:
        return interval
    return interval.within(*claim.metric.bounds)


def _decide(
    claim: Statement, values: Sequence[float], *, planned: int
) -> tuple[str, Interval | float | None, str]:
    """Return the verdict's word, the measured value and the reason."""
    if missing := planned - len(values):
        reason = f"{missing} of {planned} runs have not found {_sought(claim)}"
        return INCONCLUSIVE, None, reason
    if claim.of == EVERY_RUN:
        return _decide_each(claim, values)
    interval = interval_of(claim, values)
    if interval is None:
        if len(values) == 1:
            return INCONCLUSIVE, values[0], "one run has no interval"
        why = "equal values have no interval; a value that is not random is claimed of: every run"
        return INCONCLUSIVE, values[0], why
    return side(claim, interval.low, interval.high), interval, ""


def _decide_each(
    claim: Statement, values: Sequence[float]
) -> tuple[str, Interval | float | None, str]:
    low, high = claim.bounds
    inside = sum(low <= value <= high for value in values)
    measured = values[0] if len(set(values)) == 1 else Interval(
        mean=fmean(values), low=min(values), high=max(values)
    )  # fmt: skip
    if inside == len(values):
        return HOLDS, measured, ""
    return FAILS, measured, f"{inside} of {len(values)} runs are in the required range"


def _sought(claim: Statement) -> str:
    """Return what a run without a value has not found."""
    of_seed = "the seed network's" if claim.metric.name == "best_validation" else None
    size = claim.within.parameters or of_seed
    sought = f"a network of at most {size} parameters" if size else "any such value"
    at = max((p.within.generation or 0 for p in claim.points), default=claim.within.generation)
    return sought if at is None else f"{sought} by generation {at}, or ended before it"
