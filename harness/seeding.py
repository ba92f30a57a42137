"""Randomness by name: adding a draw in one place never shifts another."""

import random

_SEED_BITS = 31


def stream(seed: int, *name: str | int) -> random.Random:
    """Return the independent generator of one purpose, as in ``stream(7, "parents", 3)``."""
    return random.Random(repr((seed, *name)))


def derived_seed(seed: int, *name: str | int) -> int:
    """Return a seed in [0, 2**31) for a library that takes only integers, such as torch."""
    return stream(seed, *name).getrandbits(_SEED_BITS)
