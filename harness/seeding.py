"""Named random streams: a new draw in one place changes no draw elsewhere."""

import random

_SEED_BITS = 31


def stream(seed: int, *name: str | int) -> random.Random:
    """Return the generator of one purpose, independent of all others.

    Args:
        seed: Seed of the run.
        name: Name of the purpose, such as ``"parents", 3``.
    """
    return random.Random(repr((seed, *name)))


def derived_seed(seed: int, *name: str | int) -> int:
    """Return a seed in [0, 2**31) for a library that takes only integers, such as torch."""
    return stream(seed, *name).getrandbits(_SEED_BITS)
