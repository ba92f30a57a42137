"""One job in a child of the worker, as the harness sees it: its answers, its limits, its end."""

import contextlib
import select
import signal
import time
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from harness.config.schema import Limits
from harness.sandbox.frames import Channel, FrameError
from harness.sandbox.messages import (
    Answer,
    Conditions,
    Failure,
    Job,
    MessageError,
    read_answer,
    request,
)
from harness.sandbox.watchdog import Watchdog
from harness.sandbox.worker_process import WorkerLostError, WorkerProcess
from harness.text import reason_of
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
_DEATH_S = 2.0
"""A process whose channel closed because it died is reaped well within this time."""

A = TypeVar("A", bound=Answer)
B = TypeVar("B", bound=Answer)


class JobFailed(Exception):  # noqa: N818 - a verdict about untrusted code, no error of ours
    """A job ended early: untrusted code failed, broke a rule, or reached a limit.

    Attributes:
        job: Name of the job, such as ``train``.
        kind: One of ``FAILURES``.
        reason: One line.
    """

    def __init__(self, job: str, kind: str, reason: str) -> None:
        self.job, self.kind = job, kind
        self.reason = reason_of(reason)
        super().__init__(self.reason)


class RunningJob:
    """A running job: send and receive until its deadline."""

    def __init__(self, name: str, channel: Channel, *, deadline: float) -> None:
        self._name, self._channel, self._deadline = name, channel, deadline

    def renew(self) -> None:
        """Accept ``MAX_ANSWER_BYTES`` more, regardless of what came before."""
        self._channel.allow(MAX_ANSWER_BYTES)

    def send(self, *values: Any) -> None:
        """Send arrays as arrays, and other values as JSON."""
        for value in values:
            if isinstance(value, np.ndarray):
                self._channel.send_array(value, deadline=self._deadline)
            else:
                self._channel.send_json(value, deadline=self._deadline)

    def receive(self) -> Array | Answer:
        """Return the next answer or array.

        Raises:
            JobFailed: The job reports a failure, or the frame is neither.
        """
        frame = self._channel.receive(deadline=self._deadline)
        if isinstance(frame, np.ndarray):
            return frame
        try:
            message = read_answer(frame)
        except MessageError as error:
            raise self.failed("protocol", str(error)) from error
        if isinstance(message, Failure):
            kind = message.kind if message.kind in FAILURES else "protocol"
            raise self.failed(kind, message.reason)
        return message

    def receive_answer(self, kind: type[A]) -> A:
        """Return the next answer; JobFailed unless it is of this kind."""
        return self.receive_either(kind, kind)

    def receive_either(self, one: type[A], other: type[B]) -> A | B:
        """Return the next answer; JobFailed unless it is of one of these kinds."""
        message = self.receive()
        if not isinstance(message, (one, other)):
            expected = " or ".join(dict.fromkeys((one.__name__, other.__name__)))
            got = "an array" if isinstance(message, np.ndarray) else type(message).__name__
            raise self.failed("protocol", f"expected the answer {expected}, got {got}")
        return message

    def receive_array(self, dtype: str) -> Array:
        """Return the next frame; JobFailed unless it is an array of this dtype."""
        frame = self.receive()
        if not isinstance(frame, np.ndarray) or frame.dtype != dtype:
            raise self.failed("protocol", f"expected an array of {dtype}, got none")
        return frame

    def failed(self, kind: str, reason: str) -> JobFailed:
        """Return the failure of this job."""
        return JobFailed(self._name, kind, reason)


@contextlib.contextmanager
def running(
    worker: WorkerProcess,
    job: Job,
    conditions: Conditions,
    *,
    limits: Limits,
    spent_s: float = 0.0,
) -> Iterator[RunningJob]:
    """Run a job in a child of its own, which is killed in any case at the end of the block.

    Args:
        worker: Forks the child.
        job: What to do.
        conditions: Under which conditions.
        limits: Limits that the watchdog enforces.
        spent_s: Share of the time limit that was used up before, in seconds.

    Raises:
        JobFailed: The job failed, broke a rule, or reached a limit.
        WorkerLostError: The worker died.
    """
    channel, status, child = worker.fork(max_bytes=MAX_ANSWER_BYTES)
    deadline = time.monotonic() + conditions.time_limit_s - spent_s
    late = f"took longer than {conditions.time_limit_s:g} s"
    watchdog = Watchdog(child, limits, deadline=deadline, late=late)
    ends = status.makefile("rb")
    try:
        channel.send_json(request(job, conditions), deadline=deadline)
        yield RunningJob(job.name, channel, deadline=deadline)
    except TimeoutError:
        raise JobFailed(job.name, "timeout", late) from None
    except FrameError as error:
        channel.close()
        if watchdog.breach is not None:
            raise JobFailed(job.name, *watchdog.breach) from error
        ended, _, _ = select.select([status], [], [], _DEATH_S)
        if not ended:  # it closed the channel and lives on
            raise JobFailed(job.name, "protocol", f"stopped answering: {error}") from error
        if not (line := ends.readline()):
            raise WorkerLostError(worker.describe_death()) from error
        raise JobFailed(job.name, *describe_end(int(line), error)) from error
    finally:
        watchdog.stop()
        channel.close()
        child.kill()
        try:
            ends.read()  # until the server has reaped the child: nothing survives this block
        except TimeoutError:
            worker.kill()  # with all that is left of the child; the next job starts another
        ends.close()
        status.close()
        child.close()


def describe_end(status: int, error: FrameError) -> tuple[str, str]:
    """Return kind and reason for a process that ended with this status before it had answered."""
    if status == -signal.SIGKILL:
        return "memory", "was killed, most likely for memory or processor time"
    if status < 0:
        known = -status in set(signal.Signals)
        name = signal.Signals(-status).name if known else f"signal {-status}"
        return "signal", f"died of {name}"
    return "protocol", f"ended without an answer (status {status}): {error}"
