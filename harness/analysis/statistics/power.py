"""What a number of seeds can find, and the number that a comparison needs, by simulation.

Below a certain number of seeds no difference can be significant, however large.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from harness.analysis.statistics.intervals import LEVEL
from harness.analysis.statistics.paired import least_p, seeds_needed, signed_ranks
from harness.errors import InputError

SIZES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Mean differences, in standard deviations of the differences at one seed."""
STUDIES = 4000
"""Simulated studies for each size and number of seeds."""
MOST_SEEDS = 200
POWER = 0.8
"""Probability of finding a difference by which ``detectable`` is defined."""
_LARGEST, _STEP = 8.0, 0.01
"""Largest size that is searched for a detectable difference, and its resolution."""


def power_of(size: float, n: int, *, comparisons: int) -> float:
    """Return the probability that n pairs find a difference, as the first of Holm's family.

    Args:
        size: Mean of normal differences, in their standard deviations.
        n: Number of pairs.
        comparisons: Number of tests in the family.

    Returns:
        Share of simulated studies, with a standard error of at most 0.8 points.
    """
    if least_p(n) > LEVEL / comparisons:
        return 0.0
    rng = np.random.default_rng([n, STUDIES])
    studies = rng.normal(size, 1, (STUDIES, n))
    return float((signed_ranks(studies) <= LEVEL / comparisons).mean())


@lru_cache
def detectable(n: int, *, comparisons: int) -> float | None:
    """Return the least size that n pairs find with 80 % probability, as the first of Holm's family.

    Found in % of 10,000 simulated studies whose differences have this mean and another shape (``nox
    -s simulation``), by the number of pairs::

                                   6     8    12    20
        normal                  80.2  80.5  80.5  80.0
        uniform                100.0  80.6  74.5  74.7
        exponential            100.0 100.0  99.9  88.6
        exponential, mirrored   68.4  73.5  76.7  83.5

    Args:
        n: Number of pairs.
        comparisons: Number of tests in the family.

    Returns:
        Mean of normal differences, in their standard deviations, rounded up to 0.01. The simulated
        probability has a standard error of 0.6 points, which moves the size by about 0.02. None
        where so few pairs find no difference, however large.
    """
    if least_p(n) > LEVEL / comparisons:
        return None
    low, high = 0, round(_LARGEST / _STEP)
    while high - low > 1:
        middle = (low + high) // 2
        enough = power_of(_STEP * middle, n, comparisons=comparisons) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return round(_STEP * high, 2)


@lru_cache
def seeds_to_find(size: float, *, comparisons: int, power: float) -> int | None:
    """Return the fewest seeds that find a difference with this probability, None beyond 200.

    By bisection of ``power_of``, which grows with the seeds but for the error of its simulation;
    ``detectable`` has how often a difference of another shape is found (``nox -s
    simulation``).
    """
    found = bisect_left(
        range(MOST_SEEDS + 1),
        True,
        lo=seeds_needed(comparisons),
        key=lambda n: power_of(size, n, comparisons=comparisons) >= power,
    )
    return found if found <= MOST_SEEDS else None


def seeds_by_size(*, comparisons: int, power: float) -> Iterator[tuple[float, int | None]]:
    """Yield each size of a difference with the fewest seeds that find it, None beyond 200.

    Raises:
        InputError: No study can be planned with these numbers.
    """
    if comparisons < 1:
        raise InputError(f"--comparisons: expected 1 or more, got {comparisons}.")
    if not 0 < power < 1:
        raise InputError(f"--power: expected a probability above 0 and below 1, got {power:g}.")
    for size in SIZES:
        yield size, seeds_to_find(size, comparisons=comparisons, power=power)
