"""How many seeds a comparison needs, by simulation.

Below some number of seeds no difference can be significant, however large.
"""

from collections.abc import Iterator

import numpy as np

from harness.analysis.stats import LEVEL, least_p, seeds_needed, signed_ranks
from harness.errors import InputError

HEADER = ["mean difference, in standard deviations", "seeds"]
_SIZES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
_STUDIES = 4000
_MOST_SEEDS = 200


def found(size: float, n: int, *, comparisons: int) -> float:
    """Return how often n pairs find a difference of this size, the first of Holm's family.

    size: mean of normal differences in their standard deviations. By simulation: a standard error
    of at most 0.8 points.
    """
    if least_p(n) > LEVEL / comparisons:
        return 0.0
    rng = np.random.default_rng([n, _STUDIES])
    studies = rng.normal(size, 1, (_STUDIES, n))
    return float((signed_ranks(studies) <= LEVEL / comparisons).mean())


def seeds_to_find(size: float, *, comparisons: int, power: float) -> int | None:
    """Return the fewest seeds that find it with this probability, None beyond 200."""
    enough = (
        n
        for n in range(seeds_needed(comparisons), _MOST_SEEDS + 1)
        if found(size, n, comparisons=comparisons) >= power
    )
    return next(enough, None)


def rows(*, comparisons: int, power: float) -> Iterator[list[str]]:
    """Yield a header and a row for each size of a difference."""
    yield HEADER
    for size in _SIZES:
        n = seeds_to_find(size, comparisons=comparisons, power=power)
        yield [f"{size:g}", str(n or f"more than {_MOST_SEEDS}")]


def check(*, comparisons: int, power: float) -> None:
    """InputError for numbers of which no study can be planned."""
    if comparisons < 1:
        raise InputError(f"--comparisons: expected 1 or more, got {comparisons}.")
    if not 0 < power < 1:
        raise InputError(f"--power: expected a probability above 0 and below 1, got {power:g}.")


def notes(*, comparisons: int, power: float) -> list[str]:
    """Return what a reader of the rows must know."""
    least = seeds_needed(comparisons)
    return [
        f"With fewer than {least} seeds nothing can be significant: the signed-rank test of n "
        f"pairs gives no p below 2^(1-n), and Holm asks for {LEVEL:g}/{comparisons} first.",
        f"Seeds: the fewest with which a difference of this size is found in {power:.0%} of "
        f"{_STUDIES} simulated studies, as the first of its family. Standard deviations are "
        f"those of the differences between two arms at the same seed.",
    ]
