"""Random changes of sound inputs, for the tests in ``tests/fuzz``."""

import os
import time
import traceback
from collections.abc import Callable

import numpy as np

SECONDS = float(os.environ.get("FUZZ_SECONDS", "1"))
"""How long each fuzzer runs: a second in the fast suite, ten minutes in ``nox -s fuzz``."""
SEED = int(os.environ.get("FUZZ_SEED", "0"))
_NUMBERS = (0, 1, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**64 - 1)


def fuzz(attempt: Callable[[np.random.Generator], object], *, least: int = 1) -> int:
    """Call ``attempt`` with a new generator until the time is over; return how often.

    Args:
        attempt: Changes and tries something.
        least: How often it is called at least, on a machine however slow.

    Raises:
        AssertionError: An attempt raised. The message names the seed and the attempt, which repeat
            it: ``np.random.default_rng([seed, attempt])``.
    """
    end, place = time.monotonic() + SECONDS, 0
    while place < least or time.monotonic() < end:
        try:
            attempt(np.random.default_rng([SEED, place]))
        except Exception as error:
            trace = "".join(traceback.format_exception(error)[-8:])
            raise AssertionError(f"default_rng([{SEED}, {place}]):\n{trace}") from error
        place += 1
    return place


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Return ``content`` after one to eight random changes: bits, numbers, cuts, copies, swaps."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        start, end = sorted(int(place) for place in rng.integers(0, len(changed) + 1, 2))
        end = min(end, start + int(rng.choice([1, 4, 64, 4096])))
        match int(rng.integers(0, 6)):
            case 0 if start < len(changed):
                changed[start] ^= 1 << int(rng.integers(0, 8))
            case 1:
                changed[start:end] = rng.bytes(end - start)
            case 2:
                del changed[start:end]
            case 3:
                changed[start:start] = changed[start:end] * int(rng.choice([1, 2, 50]))
            case 4:
                number = int(rng.choice(np.array(_NUMBERS, dtype=np.uint64)))
                text = rng.choice([0, 1])
                changed[start:end] = str(number).encode() if text else number.to_bytes(8, "little")
            case _:
                other = int(rng.integers(0, len(changed) + 1))
                changed[start:end] = changed[other : other + end - start]
    return bytes(changed)
