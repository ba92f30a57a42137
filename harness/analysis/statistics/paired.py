"""Paired comparisons of arms: differences, signed-rank test, Holm's adjustment."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.statistics.intervals import LEVEL, Interval, mean, mean_interval
from harness.typing import Array


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Paired comparison of two arms at the seeds that both have.

    Attributes:
        n: Number of pairs.
        mean: Mean difference; None without pairs.
        interval: 95 % confidence interval of the mean difference; None below two pairs.
        superiority: Share of pairs with a positive difference, ties counted half; None without
            pairs.
        p: p of the signed-rank test, adjusted for the family; None where it is underpowered.
    """

    n: int
    mean: float | None
    interval: Interval | None
    superiority: float | None
    p: float | None


def differences(one: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    """Return one less other at each seed that both have, in order of seeds; never by position."""
    return [one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())]


def signed_rank(pairs: Sequence[float]) -> float:
    """Return the exact two-sided p of the signed-rank test (Wilcoxon 1945; zeros: Pratt 1959).

    Assumes independent pairs whose differences are symmetric about zero where the arms are equal.
    That holds for any distribution, however skewed, if both arms draw from it. Ties and zeros are
    exact, which no test of scipy offers: rank sums are counted over all signs (Streitberg 1986).

    Args:
        pairs: Differences, one for each pair.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(pairs)) * 2  # twice, for ties have halves
    signs = np.sign(pairs).astype(int)
    chances = np.ones(1)
    for rank in ranks[signs != 0].astype(int):
        step = np.zeros(rank + 1)
        step[0] = step[-1] = 0.5
        chances = np.convolve(chances, step)
    middle = (len(chances) - 1) / 2
    seen = float(ranks[signs > 0].sum())
    as_far = np.abs(np.arange(len(chances)) - middle) >= abs(seen - middle)
    return float(chances[as_far].sum())


def signed_ranks(studies: Array) -> Array:
    """Return the p of the signed-rank test of many studies without ties.

    Args:
        studies: Differences, (studies, pairs).

    Returns:
        One p for each study, (studies,).
    """
    from scipy.stats import wilcoxon

    p: Array = wilcoxon(studies, axis=1, method="auto").pvalue
    return p


def least_p(n: int) -> float:
    """Return the least p that the signed-rank test of n pairs can give: 2^(1-n)."""
    return 2.0 ** (1 - n)


def seeds_needed(comparisons: int) -> int:
    """Return the fewest pairs with which the best of so many comparisons can pass Holm's test."""
    n = 1
    while least_p(n) > LEVEL / comparisons:
        n += 1
    return n


def holm(ps: Sequence[float]) -> list[float]:
    """Return the p values of one family adjusted, in their order (Holm 1979).

    Under any dependence, the chance of one or more false rejections at 5 % is at most 5 %.
    """
    adjusted, least = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        least = max(least, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = least
    return adjusted


def superiority(pairs: Sequence[float]) -> float | None:
    """Return the share of positive differences, ties counted half (Vargha 2000, paired)."""
    if not pairs:
        return None
    return statistics.fmean((d > 0) + (d == 0) / 2 for d in pairs)


def compared(family: Sequence[Sequence[float]]) -> list[Difference]:
    """Compare several arms with one reference, as one family of tests.

    An arm has no p where it has too few pairs to be significant after Holm, given the other arms.

    Args:
        family: Differences of each arm from the reference, one for each pair.
    """
    ps = [signed_rank(pairs) if pairs else 1.0 for pairs in family]

    def able(i: int) -> bool:
        best = [*ps[:i], least_p(len(family[i])), *ps[i + 1 :]]
        return holm(best)[i] <= LEVEL

    return [
        Difference(
            n=len(pairs),
            mean=mean(pairs),
            interval=mean_interval(pairs),
            superiority=superiority(pairs),
            p=p if able(i) else None,
        )
        for i, (pairs, p) in enumerate(zip(family, holm(ps), strict=True))
    ]
