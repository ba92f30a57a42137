"""Number of seeds that a comparison needs, by simulation.

Below a certain number of seeds no difference can be significant, however large.
"""

from collections.abc import Iterator

import numpy as np

from harness.analysis.statistics.intervals import LEVEL
from harness.analysis.statistics.paired import least_p, seeds_needed, signed_ranks
from harness.errors import InputError

SIZES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Mean differences, in standard deviations of the differences at one seed."""
STUDIES = 4000
"""Simulated studies for each size and number of seeds."""
MOST_SEEDS = 200


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


def seeds_to_find(size: float, *, comparisons: int, power: float) -> int | None:
    """Return the fewest seeds that find a difference with this probability, None beyond 200."""
    enough = (
        n
        for n in range(seeds_needed(comparisons), MOST_SEEDS + 1)
        if power_of(size, n, comparisons=comparisons) >= power
    )
    return next(enough, None)


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
