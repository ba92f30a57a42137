"""Watchdog of a child process: kills it at its deadline, or where it takes too much."""

import threading
import time
from typing import NamedTuple

from harness.config.schema import Limits
from harness.sandbox.child_process import ChildProcess
from harness.sandbox.confinement.starting import patiently

_SPARE_THREADS = 128
"""Threads beyond those that compute; torch, its libraries and a GPU's driver start some tens."""
_POOLS = 4
"""Thread pools of ``limits.threads`` each: every thread that computes may have its own."""
_INTERVAL_S = 0.02


class Breach(NamedTuple):
    """A limit that a child reached: a kind of ``harness.sandbox.job.FAILURES``, and one line."""

    kind: str
    reason: str


class Watchdog:
    """Watches a child in a thread of its own until it breaks a limit or ``stop`` is called.

    Attributes:
        breach: The limit for which it killed the child, None as long as there is none.
    """

    def __init__(self, child: ChildProcess, limits: Limits, *, deadline: float, late: str) -> None:
        self.breach: Breach | None = None
        self._child, self._memory_mib = child, limits.memory_mib
        self._most_threads = _POOLS * limits.threads + _SPARE_THREADS
        self._deadline, self._late = deadline, late
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        patiently(self._thread.start)

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while self.breach is None and not self._stopped.wait(_INTERVAL_S):
            self.breach = self._check()
        if self.breach is not None:
            self._child.kill()

    def _check(self) -> Breach | None:
        if time.monotonic() > self._deadline + _INTERVAL_S:  # a reader that waits finds out first
            return Breach("timeout", self._late)
        # Threads come first: memory is summed per thread, and 60 threads can start per millisecond.
        if self._child.n_threads > self._most_threads:
            return Breach("threads", f"started more than {self._most_threads} threads")
        if self._child.grown_bytes > self._memory_mib * 2**20:
            return Breach("memory", f"used more than {self._memory_mib} MiB of memory")
        return None
