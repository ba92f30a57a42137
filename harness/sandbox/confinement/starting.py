"""Starts of processes and threads on a host that may lack free process numbers for a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

_PATIENCE_S = 10
_INTERVAL_S = 0.01

T = TypeVar("T")


def patiently(start: Callable[[], T]) -> T:
    """Start a process or a thread, again for 10 seconds while no process number is free.

    A candidate can take all numbers with its threads until the watchdog kills it.

    Raises:
        BlockingIOError, RuntimeError: As from ``start``, at the end of that time.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return start()
        except (BlockingIOError, RuntimeError):  # the latter from ``Thread.start``
            if time.monotonic() > deadline:
                raise
        time.sleep(_INTERVAL_S)
