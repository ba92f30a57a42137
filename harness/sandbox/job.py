"""One job in a child of the worker, as the harness sees it: what it says, and how it is watched."""

import signal
import threading
import time
from typing import Any

import numpy as np

from harness.config.schema import Limits
from harness.evolution.candidate import KINDS, Rejection
from harness.sandbox.child_process import Child
from harness.sandbox.frames import Array, Channel, WireError

MAX_ANSWER_BYTES = 1 << 29
"""Room for a network of 130 million parameters."""
_MAX_THREADS = 1024
_WATCH_S = 0.02
_REASON_CHARS = 300


class Refused(Exception):  # noqa: N818 - it carries a verdict, it reports no error
    """A candidate ended early; carries the rejection."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class Guard:
    """Watches a child for as long as it lives, whatever else is done meanwhile; kills it."""

    def __init__(
        self, child: Child, limits: Limits, *, gate: str, deadline: float, late: Refused
    ) -> None:
        self.found: Refused | None = None
        self._child, self._limits, self._gate = child, limits, gate
        self._deadline, self._late = deadline, late
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(_WATCH_S):
            if time.monotonic() > self._deadline + _WATCH_S:  # whoever waits finds it out first
                self.found = self._late
            elif self._child.grown_bytes > self._limits.memory_mib * 2**20:
                reason = f"used more than {self._limits.memory_mib} MiB of memory"
                self.found = refused(self._gate, "memory", reason)
            elif self._child.n_threads > _MAX_THREADS:
                reason = f"started more than {_MAX_THREADS} threads"
                self.found = refused(self._gate, "threads", reason)
            if self.found is not None:
                self._child.kill()
                return


class Session:
    """One running job, seen from the harness: send and receive until the deadline."""

    def __init__(self, channel: Channel, *, gate: str, deadline: float) -> None:
        self._channel, self._gate, self._deadline = channel, gate, deadline

    def renew(self) -> None:
        """Let it answer as much again: what came before has been dealt with."""
        self._channel.allow(MAX_ANSWER_BYTES)

    def send(self, *values: Any) -> None:
        """Send arrays, and anything else as JSON."""
        for value in values:
            if isinstance(value, np.ndarray):
                self._channel.send_array(value, deadline=self._deadline)
            else:
                self._channel.send_json(value, deadline=self._deadline)

    def receive(self) -> Any:
        """Return the child's next frame; Refused when it is a refusal."""
        frame = self._channel.receive(deadline=self._deadline)
        if isinstance(frame, dict) and "refused" in frame:
            kind = str(frame.get("kind"))
            raise refused(self._gate, kind if kind in KINDS else "protocol", str(frame["refused"]))
        return frame

    def receive_json(self) -> Any:
        """Return the child's next frame; Refused unless it is JSON."""
        frame = self.receive()
        if isinstance(frame, np.ndarray):
            raise refused(self._gate, "protocol", "expected JSON, got an array")
        return frame

    def receive_array(self, dtype: str) -> Array:
        """Return the child's next frame; Refused unless it is an array of this dtype."""
        frame = self.receive()
        if not isinstance(frame, np.ndarray) or frame.dtype != dtype:
            raise refused(self._gate, "protocol", f"expected an array of {dtype}, got none")
        return frame


def refused(gate: str, kind: str, reason: str) -> Refused:
    """Return the verdict as an exception; its reason is one line, however long it came."""
    printable = "".join(c if c.isprintable() else " " for c in reason[:_REASON_CHARS])
    return Refused(Rejection(gate=gate, kind=kind, reason=printable))


def died(gate: str, status: int, error: WireError) -> Refused:
    """Return the verdict on a process that ended with this status before it had answered."""
    if status == -signal.SIGKILL:
        return refused(gate, "memory", "was killed, most likely for memory or processor time")
    if status < 0:
        known = -status in set(signal.Signals)
        name = signal.Signals(-status).name if known else f"signal {-status}"
        return refused(gate, "signal", f"died of {name}")
    return refused(gate, "protocol", f"ended without an answer (status {status}): {error}")
