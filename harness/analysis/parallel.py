"""Map a function over values in several processes, which end with the one that started them."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import TypeVar

from harness.errors import MachineError
from harness.text import reason_of

T = TypeVar("T")
R = TypeVar("R")
_MOST_PROCESSES = 8
"""Taking over what they return keeps the caller's process busy beyond this number."""
_LOOKS_EVERY_S = 1.0


def map_in_processes(function: Callable[[T], R], values: Sequence[T]) -> Iterator[R]:
    """Yield what a function returns for each value, in order.

    Args:
        function: A function of a module; no script needs a guard for it to run in a process.
        values: The values.

    Raises:
        MachineError: A process ended before its time.
    """
    import joblib  # here, since it takes a tenth of a second, and few commands come by

    processes = min(len(values), joblib.cpu_count(), _MOST_PROCESSES)
    pool = joblib.Parallel(processes, backend="loky", return_as="generator", max_nbytes=None)
    task = joblib.delayed(_run_under)
    try:
        yield from pool(task(os.getpid(), function, value) for value in values)
    except BrokenProcessPool as error:
        raise MachineError(
            f"expected processes that work until the end, one ended before "
            f"({reason_of(str(error))}). Start the command again, with more memory or on less data."
        ) from None


def _run_under(parent: int, function: Callable[[T], R], value: T) -> R:
    if os.getpid() != parent:  # with one core, or no shared memory, joblib starts no process
        _end_with(parent)
    return function(value)


@cache
def _end_with(parent: int) -> None:
    """End this process once its parent has ended; joblib's do not where it is killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOKS_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
