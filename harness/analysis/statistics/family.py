"""Several arms compared with one reference, as one family of tests."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis.statistics.intervals import LEVEL, Interval, mean_interval, mean_within
from harness.analysis.statistics.paired import (
    Shift,
    holm,
    least_p,
    shift,
    shift_within,
    signed_rank,
    superiority,
)
from harness.analysis.statistics.power import detectable


@dataclass(frozen=True, kw_only=True)
class Known:
    """Paired difference at the seeds at which both runs have a value, without a test.

    Such seeds are no random choice, so a test there would be one of other arms.
    """

    n: int
    shift: Shift | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Paired comparison of an arm with the reference, at the seeds that both have.

    Attributes:
        n: Number of pairs.
        shift: Hodges-Lehmann estimate with the 95 % interval of this comparison alone; None without
            pairs.
        ahead: Share of pairs with a positive difference, ties counted half, with its 95 % interval;
            None without pairs.
        p_alone: p of the signed-rank test, for this comparison alone; None where so few pairs
            cannot be significant.
        p: The same, adjusted for the family; None where so few pairs cannot be significant at
            their step of Holm's test.
        detectable: Least mean of normal differences that so many pairs find with 80 % probability
            at its step of Holm's test, in their standard deviations; None where they find none.
        deviation: Measured standard deviation of the finite differences; None below two.
        mean: Mean difference with Student's 95 % interval; None below two pairs, or with a missing
            value.
        equivalent: Whether ``equivalence``, adjusted for the family, is at most 5 %; None without a
            margin or where so few pairs cannot show it.
        left_out: The estimate without the pairs that miss a value; None if none does.
        neither: Number of pairs in which both values are 0, where 0 is a failure.
    """

    n: int
    shift: Shift | None
    ahead: Interval | None
    p_alone: float | None
    p: float | None
    detectable: float | None
    deviation: float | None
    mean: Interval | None
    equivalent: bool | None
    left_out: Known | None = None
    neither: int = 0


def compared(family: Sequence[Sequence[float]], *, margin: float | None = None) -> list[Difference]:
    """Compare several arms with one reference, as one family of tests.

    The docstring of each part states its error: ``shift``, ``superiority``, ``holm``,
    ``equivalence``, ``power.detectable`` (``nox -s simulation``).

    An arm has no p where it has too few pairs to be significant after Holm, given the other arms.

    Args:
        family: Differences of each arm from the reference, one for each pair.
        margin: Largest difference that does not matter, in the unit of the differences.
    """
    ps = [signed_rank(pairs) if pairs else 1.0 for pairs in family]

    def step(i: int) -> int:
        """Return the number of tests that one is adjusted for if it is the next to reject."""
        return len(ps) - sum(p <= LEVEL for p in holm([*ps[:i], 1.0, *ps[i + 1 :]]))

    equal = [1.0 if margin is None or not pairs else equivalence(pairs, margin) for pairs in family]
    sizes = [detectable(len(pairs), comparisons=step(i)) for i, pairs in enumerate(family)]
    return [
        Difference(
            n=len(pairs),
            shift=shift(pairs),
            ahead=superiority(pairs),
            p_alone=p_alone if least_p(len(pairs)) <= LEVEL else None,
            p=p if sizes[i] else None,
            detectable=sizes[i],
            deviation=_deviation(pairs),
            mean=mean_interval(pairs) if all(map(math.isfinite, pairs)) else None,
            equivalent=None if margin is None or least_p(len(pairs)) > LEVEL else equal_p <= LEVEL,
        )
        for i, (pairs, p_alone, p, equal_p) in enumerate(
            zip(family, ps, holm(ps), holm(equal), strict=True)
        )
    ]


def compared_both_ways(
    worst: Sequence[Sequence[float]],
    known: Sequence[Sequence[float]],
    *,
    margin: float | None = None,
) -> list[Difference]:
    """Compare several arms with one reference, with missing values as the worst and without them.

    A pair that misses both values counts as a difference of zero. That is evidence against a
    difference, but none of equality: an arm with such a pair is never equivalent and has no mean
    difference, and one that has no other pair has no estimate and no test.

    Error in % of 10,000 simulated studies of equal arms with normal values, of which one in ten is
    missing (``nox -s simulation``), by the number of pairs::

                                         6     8    12    20
        one in ten is missing          2.8   3.7   4.2   4.3

    Args:
        worst: Differences of each arm from the reference, a missing value as the worst.
        known: The same without the pairs that miss a value.
        margin: Largest difference that does not matter, in the unit of the differences.

    Returns:
        Comparisons by ``worst``; where ``known`` has fewer pairs, its estimate is ``left_out``.
    """
    unknown = [
        len(pairs) - len(some) - sum(map(math.isinf, pairs))
        for pairs, some in zip(worst, known, strict=True)
    ]
    tested = [[] if n == len(pairs) else pairs for n, pairs in zip(unknown, worst, strict=True)]
    return [
        replace(
            one,
            n=len(pairs),
            mean=None if n else one.mean,
            equivalent=False if n and one.equivalent else one.equivalent,
            left_out=None if len(some) == len(pairs) else Known(n=len(some), shift=shift(some)),
        )
        for one, n, pairs, some in zip(
            compared(tested, margin=margin), unknown, worst, known, strict=True
        )
    ]


def are_equal(pairs: Sequence[float], margin: float | None, *, tests: int) -> bool:
    """Return whether pairs show that a difference is no larger than a margin.

    By ``equivalence``; for one test, its error is that of the tables there (``nox -s simulation``),
    and Bonferroni's adjustment lowers it.

    Args:
        pairs: Differences.
        margin: Largest difference that does not matter; None where there is none.
        tests: How many tests p is adjusted for (Bonferroni).
    """
    if margin is None or least_p(len(pairs)) > LEVEL:
        return False
    return tests * equivalence(pairs, margin) <= LEVEL


def equivalence(pairs: Sequence[float], margin: float) -> float:
    """Return p of the test that a difference is no larger than a margin, for one comparison alone.

    Both the median of the means of two and the mean have to lie within the margin, each by two
    one-sided tests (Schuirmann 1987). The mean also counts rare failures, from which the median of
    the means of two turns away. At 5 %, each one-sided test has 2.5 %.

    Found in % of 10,000 simulated studies (``nox -s simulation``), by the number of pairs. In the
    first two rows, differences are normal and the margin is 1.5 standard deviations. In the others,
    both arms save 0.7 decades with a standard deviation of 0.05, one fails and saves 0 at so many
    seeds, and the margin is 0.15. The last row has the test of the median alone. With few pairs it
    happens that no failure is seen::

                                         6     8    12    20
        true difference 1.5            1.2   1.7   1.8   2.2
        true difference 0             41.2  83.7  98.8 100.0
        fails at 25 %, mean 0.175     14.1   9.8   3.4   2.9
        fails at 10 %, mean 0.07      42.1  43.0  29.0  40.4
        fails at 25 %, median alone   14.1   9.8  15.1   9.2

    At least one of several arms that all differ by the margin is called equal in % of 2,000 studies
    with 20 pairs, by the number of arms, alone and adjusted by Holm's method::

                         1     4     8
        alone          1.6   6.7  11.3
        adjusted       1.6   2.0   2.0

    Args:
        pairs: Differences, one for each pair.
        margin: Largest difference that does not matter.
    """
    return max(shift_within(pairs, margin), mean_within(pairs, margin))


def _deviation(pairs: Sequence[float]) -> float | None:
    finite = [d for d in pairs if math.isfinite(d)]
    return statistics.stdev(finite) if len(finite) > 1 else None
