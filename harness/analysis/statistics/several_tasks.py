"""Aggregates over several tasks: interquartile mean, probability of improvement, Bayesian test.

scipy resamples and trims. rliable, the library of Agarwal 2021, is archived; baycomp, that of
Benavoli 2017, has had no release since 2023. A test compares with a result of baycomp.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analysis.statistics.intervals import LEVEL, Interval
from harness.typing import Array

RESAMPLES = 2_000
DRAWS = 50_000
_PRIOR = 0.5
"""Weight of the prior's one observation of no difference (Benavoli 2014)."""
_QUARTER = 0.25


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Probabilities that an arm is worse, equal within the region, and better, over tasks."""

    worse: float
    equal: float
    better: float


def interquartile_mean(tasks: Sequence[Sequence[float]], rng: np.random.Generator) -> Interval:
    """Return the mean of the middle half of all runs of all tasks (Agarwal 2021).

    Its interval is the percentile bootstrap's, which resamples runs within each task. Coverage in %
    of 2,000 simulated studies of three tasks, by the number of runs of each (``nox -s
    simulation``)::

                             5    10    20
        normal            89.0  93.0  93.7
        exponential       88.9  93.2  93.0

    The interval is for these tasks: it has no error of their choice. It is no mean: it cuts off
    failures that are rare. Of three tasks with 12 runs each that have 0.7, with a standard
    deviation of 0.05, or 0 where they fail, means in hundredths of 300 simulated studies, by the
    share of runs that fail::

                          10 %  20 %  30 %
        mean              63.4  56.1  49.0
        interquartile     69.2  67.0  59.0

    Args:
        tasks: Values of the runs of each task, in one unit; at least two runs of each.
        rng: Generator of the resamples.
    """

    def statistic(*runs: Array, axis: int = -1) -> Array:
        from scipy.stats import trim_mean

        trimmed: Array = trim_mean(np.concatenate(runs, axis=axis), _QUARTER, axis=axis)
        return trimmed

    return _bootstrapped(tasks, statistic, rng)


def probability_of_improvement(
    ones: Sequence[Sequence[float]], others: Sequence[Sequence[float]], rng: np.random.Generator
) -> Interval:
    """Return the chance that a run of one arm beats a run of another, ties half (Agarwal 2021).

    It is averaged over tasks; the interval is the percentile bootstrap's, within tasks. Coverage in
    % of 2,000 simulated studies of three tasks, by the number of runs of each (``nox -s
    simulation``)::

                             5    10    20
        equal arms        92.2  94.9  95.2
        one sd apart      94.2  94.2  95.7

    Args:
        ones: Values of the runs of each task of one arm; at least two runs of each.
        others: The same of the other arm, tasks in the same order.
        rng: Generator of the resamples.
    """
    n = len(ones)

    def statistic(*runs: Array, axis: int = -1) -> Array:
        del axis  # the last one
        shares = [
            np.mean((a > b) + (a == b) / 2, axis=(-2, -1))
            for one, other in zip(runs[:n], runs[n:], strict=True)
            for a, b in ((one[..., :, None], other[..., None, :]),)
        ]
        averaged: Array = np.mean(shares, axis=0)
        return averaged

    return _bootstrapped([*ones, *others], statistic, rng)


def _bootstrapped(
    samples: Sequence[Sequence[float]], statistic: Any, rng: np.random.Generator
) -> Interval:
    from scipy.stats import bootstrap

    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    with np.errstate(invalid="ignore"):  # a run without a value has minus infinity
        found = bootstrap(
            arrays, statistic, n_resamples=RESAMPLES, method="percentile", vectorized=True,
            confidence_level=1 - LEVEL, rng=rng,
        ).confidence_interval  # fmt: skip
    return Interval(mean=float(statistic(*arrays)), low=float(found.low), high=float(found.high))


def bayesian_signed_rank(
    differences: Sequence[float], rope: float, rng: np.random.Generator
) -> Posterior:
    """Return the probabilities of the Bayesian signed-rank test (Benavoli 2017, section 4.2).

    The posterior over distributions of differences is a Dirichlet process with a prior observation
    of no difference, of weight 0.5. The regions compete for the mean of two differences: in each
    draw, the one with most of its mass counts.

    These are probabilities under that prior, no error rates. Of simulated studies of equal arms
    without a region of equivalence, one of the two is called better with 95 % or more, in % of 500,
    by the number of tasks (``nox -s simulation``)::

                             3     5    10
        equal arms        23.4  21.2  12.4
        fails at 25 %     26.5  18.5  11.0

    In the last row, one of two arms that save 0.7, with a standard deviation of 0.05, fails and
    saves 0 at one of 12 seeds in four, so that it saves 0.175 less on average. Of 200 studies, so
    many have 95 % or more for no difference beyond 0.15: the medians of differences do not see it.

    Args:
        differences: One difference for each task, in one unit.
        rope: Largest difference that does not matter: the region of practical equivalence.
        rng: Generator of the draws.
    """
    values = np.array([0.0, *differences])
    alphas = np.ones(len(values))
    alphas[0] = _PRIOR
    weights = rng.dirichlet(alphas, DRAWS)
    means = (values[:, None] + values[None, :]) / 2
    below = (means < -rope) + (means == -rope) / 2
    above = (means > rope) + (means == rope) / 2
    masses = np.stack(
        [np.einsum("di,ij,dj->d", weights, part, weights, optimize=True)
         for part in (below, 1 - below - above, above)]
    )  # fmt: skip
    shares = np.bincount(masses.argmax(axis=0), minlength=3) / DRAWS
    return Posterior(worse=float(shares[0]), equal=float(shares[1]), better=float(shares[2]))
