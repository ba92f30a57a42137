"""Aggregates of a metric over the finished runs of an arm."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analysis.proposals import Call
from harness.analysis.run_result import RunResult
from harness.analysis.statistics import intervals
from harness.analysis.statistics.intervals import Interval
from harness.analysis.statistics.paired import Shift

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A median with its quartiles, which are None where there is one value."""

    median: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Expected running time, in evaluations (Auger 2005).

    Attributes:
        evaluations: Evaluations of all runs over the number of runs that reached the target; None
            where no run reached it.
        reached: Runs that reached the target.
        of: All runs.
    """

    evaluations: float | None
    reached: int
    of: int


Value = str | int | float | Interval | Shift | Spread | Expected | None
Aggregate = Callable[[Sequence[float | None], Sequence[RunResult]], Value]
"""From the value of each run, None where unknown, and the runs themselves, in the same order."""


def mean(values: Sequence[float | None], _: Sequence[RunResult]) -> float | None:
    """Return the mean of the known values."""
    return intervals.mean(values)


def mean_with_interval(
    values: Sequence[float | None], _: Sequence[RunResult]
) -> Interval | float | None:
    """Return the mean of the known values with Student's interval; one value as it is."""
    known = _known(values)
    return intervals.mean_interval(known) or intervals.mean(known)


def mean_if_known(values: Sequence[float | None], _: Sequence[RunResult]) -> float | str | None:
    """Return the mean, ``unknown`` where one run does not know its value."""
    known = _known(values)
    if len(known) < len(values):
        return UNKNOWN
    return sum(known) / len(known) if known else None


def tokens_or_characters(characters: Callable[[Call], int]) -> Aggregate:
    """Return the aggregate of a number of tokens: the mean, or a mean of characters as a text.

    Args:
        characters: Characters of one call, for runs in which an LLM reports no tokens.
    """

    def aggregate(values: Sequence[float | None], runs: Sequence[RunResult]) -> float | str | None:
        tokens = mean_if_known(values, runs)
        if tokens != UNKNOWN:
            return tokens
        total = sum(characters(call) for run in runs for call in run.calls.values())
        return f"{total / len(runs):,.0f} characters"

    return aggregate


def share_with_interval(values: Sequence[float | None], _: Sequence[RunResult]) -> Interval | None:
    """Return the share of the known values that are 1, the others being 0, with its interval."""
    known = _known(values)
    return intervals.share_interval(round(sum(known)), len(known)) if known else None


def median(values: Sequence[float | None], _: Sequence[RunResult]) -> float | None:
    """Return the median, exactly a recorded value where the two in the middle are equal."""
    known = _known(values)
    if not known:
        return None
    low, high = statistics.median_low(known), statistics.median_high(known)
    return low if low == high else statistics.median(known)


def median_with_quartiles(values: Sequence[float | None], _: Sequence[RunResult]) -> Spread | None:
    """Return the median of the known values with its quartiles."""
    known = _known(values)
    if len(known) < 2:  # noqa: PLR2004 - one value has no quartiles
        return Spread(median=known[0], low=None, high=None) if known else None
    low, middle, high = intervals.quartiles(known)
    return Spread(median=middle, low=low, high=high)


def expected_running_time(
    values: Sequence[float | None], runs: Sequence[RunResult]
) -> Expected | None:
    """Return the expected running time from each run's evaluations to the target.

    In 10,000 simulated studies of runs of 24 evaluations, each of which reaches the target with a
    chance of one in twelve (``nox -s simulation``), by the number of runs: the median estimate in %
    of the truth, and in % of studies, how many are below two thirds of it or above three halves::

                             6     8    12    20
        median            95.8  97.6  97.9  99.0
        far off           35.2  27.9  17.6   8.0
    """
    if not runs:
        return None
    reached = len(_known(values))
    spent = sum(
        run.evaluations if value is None else value for run, value in zip(runs, values, strict=True)
    )
    return Expected(evaluations=spent / reached if reached else None, reached=reached, of=len(runs))


def share_of_proposals(_: Sequence[float | None], runs: Sequence[RunResult]) -> float | None:
    """Return the share of valid proposals among those of all runs together."""
    proposals = [candidate for run in runs for candidate in run.candidates]
    return sum(c.valid for c in proposals) / len(proposals) if proposals else None


LEAVING_OUT = frozenset(
    {mean, mean_with_interval, share_with_interval, median, median_with_quartiles}
)
"""Aggregates that leave out the runs without a value, and do not say of how many they are."""


def parts_of(aggregate: Aggregate) -> tuple[str, ...]:
    """Return the names of the parts that an aggregate's values may have besides the number."""
    if aggregate in {mean_with_interval, share_with_interval, median_with_quartiles}:
        return "low", "high"
    return ("reached", "of") if aggregate is expected_running_time else ()


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
