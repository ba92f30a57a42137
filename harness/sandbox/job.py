"""One job in a child of the worker, as the harness sees it: what it says, and how it is watched."""

import signal
import threading
import time
from types import MappingProxyType
from typing import Any

import numpy as np

from harness.config.schema import Limits
from harness.sandbox.child_process import Child
from harness.sandbox.frames import Channel, WireError
from harness.typing import Array

FAILURES = MappingProxyType(
    {
        "syntax": "the source does not parse or compile",
        "import": "executing the module failed",
        "construct": "building the network or its optimizer failed",
        "forward": "computing or training failed",
        "shape": "an output of another shape, or no tensor at all",
        "dtype": "an output of another type",
        "nonfinite": "an output that is not finite",
        "diverged": "the training loss is not finite",
        "audit": "what it computed cannot be replayed, counted or believed",
        "timeout": "the wall clock",
        "memory": "memory, resident or reserved; or killed by the kernel",
        "threads": "more threads than any network needs",
        "signal": "the process died of a signal",
        "protocol": "the process ended early, fell silent, or sent what it must not",
    }
)
"""Why a job fails: every kind there is, and what it means."""
MAX_ANSWER_BYTES = 1 << 29
"""Room for a network of 130 million parameters."""
_MAX_THREADS = 1024
_WATCH_S = 0.02
_REASON_CHARS = 300


class JobFailed(Exception):  # noqa: N818 - a verdict about untrusted code, no error of ours
    """A job ended early: untrusted code failed, broke a rule, or reached a limit.

    Attributes:
        job: Name of the job, such as ``train``.
        kind: One of ``FAILURES``.
        reason: One printable line.
    """

    def __init__(self, job: str, kind: str, reason: str) -> None:
        self.job, self.kind = job, kind
        printable = "".join(c if c.isprintable() else " " for c in reason[:_REASON_CHARS])
        self.reason = printable
        super().__init__(printable)


class Guard:
    """Watches a child for as long as it lives, whatever else is done meanwhile; kills it."""

    def __init__(
        self, child: Child, limits: Limits, *, job: str, deadline: float, late: JobFailed
    ) -> None:
        self.found: JobFailed | None = None
        self._child, self._limits, self._job = child, limits, job
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
                self.found = JobFailed(self._job, "memory", reason)
            elif self._child.n_threads > _MAX_THREADS:
                reason = f"started more than {_MAX_THREADS} threads"
                self.found = JobFailed(self._job, "threads", reason)
            if self.found is not None:
                self._child.kill()
                return


class Session:
    """One running job, seen from the harness: send and receive until the deadline."""

    def __init__(self, channel: Channel, *, job: str, deadline: float) -> None:
        self._channel, self._job, self._deadline = channel, job, deadline

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
        """Return the child's next frame; JobFailed where it reports a failure."""
        frame = self._channel.receive(deadline=self._deadline)
        if isinstance(frame, dict) and "refused" in frame:
            kind = str(frame.get("kind"))
            raise JobFailed(
                self._job, kind if kind in FAILURES else "protocol", str(frame["refused"])
            )
        return frame

    def receive_json(self) -> Any:
        """Return the child's next frame; JobFailed unless it is JSON."""
        frame = self.receive()
        if isinstance(frame, np.ndarray):
            raise JobFailed(self._job, "protocol", "expected JSON, got an array")
        return frame

    def receive_array(self, dtype: str) -> Array:
        """Return the child's next frame; JobFailed unless it is an array of this dtype."""
        frame = self.receive()
        if not isinstance(frame, np.ndarray) or frame.dtype != dtype:
            raise JobFailed(self._job, "protocol", f"expected an array of {dtype}, got none")
        return frame


def died(job: str, status: int, error: WireError) -> JobFailed:
    """Return the failure of a process that ended with this status before it had answered."""
    if status == -signal.SIGKILL:
        return JobFailed(job, "memory", "was killed, most likely for memory or processor time")
    if status < 0:
        known = -status in set(signal.Signals)
        name = signal.Signals(-status).name if known else f"signal {-status}"
        return JobFailed(job, "signal", f"died of {name}")
    return JobFailed(job, "protocol", f"ended without an answer (status {status}): {error}")
