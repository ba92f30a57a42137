"""Means, shares and correlations with their intervals."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness.typing import Array

LEVEL = 0.05
"""Significance level of one family of tests; intervals have a confidence of one minus it."""
ROUNDING = 1e-9
"""Values that differ by less are equal; sums of fractions are not exact in binary."""
_FEWEST_PAIRS = 5
_PERFECT = 1 - 1e-9
"""A perfect correlation, up to the rounding of sums of squares."""
_RESAMPLES = 2_000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with a 95 % interval: of confidence, or of prediction where that is said."""

    mean: float
    low: float
    high: float

    def within(self, least: float, most: float) -> "Interval":
        """Return the interval cut off at the bounds of its quantity."""
        return Interval(mean=self.mean, low=max(least, self.low), high=min(most, self.high))


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the known values, None where none is known."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles, interpolated between values; of one value, that value three times.

    They describe these values. In % of 20,000 simulated studies (``nox -s simulation``), one
    further value lies between them, by the number of values::

                             3     5    10    20
        between           27.5  33.3  41.3  45.0
    """
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return Student's t interval of the mean (Student 1908), None without two unequal values.

    Equal values tell no spread: an interval of no width would claim that they are exact.

    Assumes independent values whose mean is close to normal. Coverage in % of 40,000 simulated
    studies (``nox -s simulation``), by the number of values::

                             3     5    10    20
        normal            95.0  95.0  95.0  95.0
        uniform           92.4  93.9  94.7  95.0
        exponential       88.1  88.3  90.1  92.0
        lognormal         83.3  81.9  83.8  87.1
        scores            94.3  94.6  95.0  94.8
        one in ten fails  26.8  41.1  65.0  87.6

    Scores are shares of 359 examples, 98 % of them right. Studies of equal values, which have no
    interval, count as misses. The percentile bootstrap covers 83.8 %
    of normal means with five values and is not used.
    """
    from scipy.stats import t

    if len(values) < 2 or max(values) - min(values) < ROUNDING:  # noqa: PLR2004 - one has no spread
        return None
    centre = statistics.fmean(values)
    reach = float(t.ppf(1 - LEVEL / 2, len(values) - 1))
    reach *= statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean=centre, low=centre - reach, high=centre + reach)


def mean_within(values: Sequence[float], margin: float) -> float:
    """Return p of two one-sided t tests that a mean lies within a margin of 0 (Schuirmann 1987).

    It is two-sided: at most 5 % exactly where Student's 95 % interval lies within the margin, of
    which ``mean_interval`` has the coverage (``nox -s simulation``). 1 where there is no interval.
    """
    from scipy.stats import t

    if len(values) < 2 or not all(map(math.isfinite, values)):  # noqa: PLR2004 - has no spread
        return 1.0
    room = margin - abs(statistics.fmean(values))
    error = statistics.stdev(values) / math.sqrt(len(values))
    if not error:
        return float(room <= 0)
    return min(1.0, 2 * float(t.sf(room / error, len(values) - 1)))


def prediction_interval(values: Sequence[float]) -> Interval | None:
    """Return the 95 % prediction interval of one further value (Whitmore 1986), None as for a mean.

    Assumes independent normal values. Share in % of 40,000 simulated studies in which one further
    value lay in it (``nox -s simulation``), by the number of values::

                             3     5     7    10
        normal            95.1  95.2  94.9  94.9
        scores            94.8  95.2  94.9  95.1
        exponential       92.1  92.5  92.6  92.9
        one in ten fails  89.3  91.3  93.0  91.0

    Studies of equal values, which have no interval, count as misses.
    """
    mean_of = mean_interval(values)
    if mean_of is None:
        return None
    reach = (mean_of.high - mean_of.mean) * math.sqrt(len(values) + 1)
    return Interval(mean=mean_of.mean, low=mean_of.mean - reach, high=mean_of.mean + reach)


@lru_cache
def share_interval(part: int, whole: int) -> Interval:
    """Return the 95 % interval of a share (Clopper 1934), for independent cases of one chance.

    It covers every chance in 95 % of studies or more, however few the cases. Coverage in %,
    computed from the binomial distribution (``nox -s simulation``), by the number of cases::

                             5    10    20    50
        chance 2 %        99.6  98.4  99.3  98.2
        chance 10 %       99.1  98.7  98.9  97.0
        chance 30 %       99.8  98.9  97.5  96.9
        chance 50 %      100.0  97.9  95.9  96.7
    """
    from scipy.stats import binomtest

    interval = binomtest(part, whole).proportion_ci(1 - LEVEL, method="exact")
    return Interval(mean=part / whole, low=float(interval.low), high=float(interval.high))


def clustered_share(parts: Sequence[int], wholes: Sequence[int]) -> Interval | None:
    """Return a share of all cases with its interval over clusters of cases, such as runs.

    The interval is the percentile bootstrap's, which resamples clusters, since cases of one cluster
    depend on each other. Coverage in % of 1,000 simulated studies with eight cases in a cluster,
    whose chances spread around 30 % (beta distribution of 1.5 and 3.5), by the number of clusters
    (``nox -s simulation``); the last row takes cases as independent::

                           3     5    10    20
        clustered       74.8  85.5  91.1  93.2
        independent     87.8  81.4  85.1  83.8

    Args:
        parts: Cases of interest in each cluster.
        wholes: All cases in each cluster.

    Returns:
        None for a single cluster, which says nothing about others.
    """
    from scipy.stats import bootstrap

    if len(parts) < 2:  # noqa: PLR2004 - one cluster has no spread
        return None

    def share(part: Array, whole: Array, axis: int = -1) -> Array:
        shares: Array = part.sum(axis=axis) / whole.sum(axis=axis)
        return shares

    arrays = (np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float))
    found = bootstrap(
        arrays, share, paired=True, vectorized=True, n_resamples=_RESAMPLES, method="percentile",
        confidence_level=1 - LEVEL, rng=np.random.default_rng(len(parts)),
    ).confidence_interval  # fmt: skip
    return Interval(mean=float(share(*arrays)), low=float(found.low), high=float(found.high))


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return Spearman's rank correlation and its 95 % interval (Bonett 2000).

    Coverage in % of 2,000 simulated studies of normal pairs that have an interval (``nox -s
    simulation``), by the number of pairs and Pearson's correlation::

                             6    10    20    50
        correlation 0     96.9  97.2  96.2  95.5
        correlation 0.5   98.8  95.9  95.9  95.5
        correlation 0.9   97.3  94.6  95.7  95.8

    Returns:
        Correlation, lower and upper end. NaN with fewer than five pairs, or where all values of
        one side are equal. The ends alone are NaN for a perfect correlation, of which the interval
        would have no width.
    """
    from statistics import NormalDist

    from scipy.stats import spearmanr

    if len(one) < _FEWEST_PAIRS or len(set(one)) == 1 or len(set(other)) == 1:
        return math.nan, math.nan, math.nan
    rho = float(spearmanr(one, other).statistic)
    if abs(rho) > _PERFECT:
        return rho, math.nan, math.nan
    z = NormalDist().inv_cdf(1 - LEVEL / 2)
    reach = z * math.sqrt((1 + rho**2 / 2) / (len(one) - 3))
    return rho, math.tanh(math.atanh(rho) - reach), math.tanh(math.atanh(rho) + reach)
