"""The harness's side of a worker: start it warm, hand it jobs, watch it, kill it.

What this stops: candidates that hang, loop, exhaust memory, crash, print, or die; and it keeps
keys, validation labels and test images out of their process. What it does not stop yet is
written in the README under "Trust".
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from harness.config import Limits
from harness.errors import InputError, MachineError
from harness.population import Rejection
from harness.wire import Array, Channel, WireError

_START_TIMEOUT_S = 120
_DEATH_S = 2.0
"""A process whose channel closed because it died is reaped well within this time."""
_MAX_ANSWER_BYTES = 1 << 28
_REASON_CHARS = 300
# One thread, so that the server can fork. A short spin: on two cores a training of 2.4 s alone
# took more than 60 s beside a second one with libgomp's default, 12 s with this, 2.7 s alone.
_THREADING = {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "10000"}
_PASSED_ON = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
_BOOT = "import sys; sys.path.insert(0, {root!r}); from harness.worker import main; main()"


class Refused(Exception):  # noqa: N818 - it carries a verdict, it reports no error
    """A candidate ended early; carries the rejection."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class Sandbox:
    """A warm worker server; each job runs in a process of its own, forked from it."""

    def __init__(self, limits: Limits, *, device: str = "auto") -> None:
        self.limits = limits
        self._wanted_device = device
        self._control, far = socket.socketpair()
        root = str(Path(__file__).parents[1])
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT.format(root=root), str(far.fileno())],
                pass_fds=[far.fileno()],
                env=_THREADING
                | {name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._machine: dict[str, Any] = {}

    def close(self) -> None:
        """End the server; its children lose their channel and end too."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def machine(self) -> Mapping[str, Any]:
        """The worker's torch version and the name of its GPU, or None for ``cuda``."""
        if not self._machine:
            with self._job({"task": "probe", "device": "cuda"}, time_limit_s=_START_TIMEOUT_S) as c:
                self._machine = c.receive()
        return self._machine

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``: what was asked for, or with ``auto`` what there is."""
        if self._wanted_device == "auto":
            return "cuda" if self.machine["cuda"] else "cpu"
        if self._wanted_device == "cuda" and not self.machine["cuda"]:
            raise InputError(
                "device=cuda: expected a CUDA GPU, the worker's torch found none. Use device=cpu, "
                "or check the driver and that torch is a CUDA build."
            )
        return self._wanted_device

    def hold(self, images: Array, labels: Array) -> None:
        """Give the server the training images and labels that later jobs train on."""
        near, far = socket.socketpair()
        channel = Channel(near, max_bytes=_MAX_ANSWER_BYTES)
        with far:
            self._hand_over(b"d", far)
        channel.send_array(images)
        channel.send_array(labels)
        channel.receive_json(deadline=time.monotonic() + _START_TIMEOUT_S)
        channel.close()

    @contextlib.contextmanager
    def run(self, job: Mapping[str, Any], *, time_limit_s: float) -> Iterator["Session"]:
        """Run one candidate; Refused when it breaks a rule or a limit, and always killed after."""
        job = {**job, "device": self.device}
        with self._job(job, time_limit_s=time_limit_s) as session:
            yield session

    @contextlib.contextmanager
    def _job(self, job: Mapping[str, Any], *, time_limit_s: float) -> Iterator["Session"]:
        near, far = socket.socketpair()
        status, far_status = socket.socketpair()
        with far, far_status:
            self._hand_over(b"j", far, far_status)
        ends = status.makefile("rb")
        pid = int(self._line(ends))
        channel = Channel(near, max_bytes=_MAX_ANSWER_BYTES)
        gate = str(job["task"])
        session = Session(channel, gate=gate, deadline=time.monotonic() + time_limit_s)
        try:
            channel.send_json(
                {**job, "memory_mib": self.limits.memory_mib, "threads": self.limits.threads}
            )
            yield session
        except TimeoutError:
            raise _refused(gate, f"took longer than {time_limit_s:g} s", limit=True) from None
        except WireError as error:
            channel.close()
            ended, _, _ = select.select([status], [], [], _DEATH_S)
            if not ended:  # it closed the channel and lives on
                raise _refused(gate, f"stopped answering: {error}") from error
            raise _died(gate, int(self._line(ends)), error) from error
        finally:
            channel.close()
            _kill(pid)
            ends.read()  # until the server has reaped the child: nothing survives this block
            ends.close()
            status.close()

    def _hand_over(self, kind: bytes, *sockets: socket.socket) -> None:
        try:
            socket.send_fds(self._control, [kind], [s.fileno() for s in sockets])
        except OSError as error:
            raise MachineError(f"the worker server died (status {self._process.poll()})") from error

    def _line(self, stream: Any) -> bytes:
        line: bytes = stream.readline()
        if not line:
            raise MachineError(f"the worker server died (status {self._process.poll()})")
        return line


class Session:
    """One running job, seen from the harness: ask and receive until the deadline."""

    def __init__(self, channel: Channel, *, gate: str, deadline: float) -> None:
        self._channel, self._gate, self._deadline = channel, gate, deadline

    def receive(self) -> Any:
        """Return the child's next frame; Refused when it is a refusal."""
        frame = self._channel.receive(deadline=self._deadline)
        if isinstance(frame, dict) and "refused" in frame:
            raise _refused(self._gate, str(frame["refused"]), limit=frame.get("limit") is True)
        return frame

    def ask(self, array: Array) -> Any:
        """Send an array and return the answer."""
        self._channel.send_array(array, deadline=self._deadline)
        return self.receive()


def _refused(gate: str, reason: str, *, limit: bool = False) -> Refused:
    """Build a refusal; a limit of the machine acted, or the candidate itself is to blame."""
    return Refused(Rejection(gate=gate, reason=reason[:_REASON_CHARS], machine_dependent=limit))


def _died(gate: str, status: int, error: WireError) -> Refused:
    if status == -signal.SIGKILL:
        return _refused(gate, "was killed, most likely for memory", limit=True)
    if status < 0:
        return _refused(gate, f"died of {signal.Signals(-status).name}")
    return _refused(gate, f"ended without an answer (status {status}): {error}")


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
