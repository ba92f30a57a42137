"""The worker's server as a process of this one: start it, hand it descriptors, end it."""

import contextlib
import os
import socket
import subprocess
import sys

from harness.config.paths import ROOT
from harness.errors import MachineError
from harness.sandbox.child_process import ChildProcess, kill_children
from harness.sandbox.confinement.starting import patiently
from harness.sandbox.frames import Channel

# One thread, so that the server can fork. A short spin: on two cores a training of 2.4 s alone
# took more than 60 s next to a second one with libgomp's default, 12 s with this, 2.7 s alone.
# torch.compile is disabled, since it would start a compiler. Its cache is a folder that exists on
# every host, otherwise torch creates one in /tmp. The process keeps memory that a step frees: with
# glibc's defaults, each epoch of the digits took 10,000 page faults. The per-thread cache of blocks
# of up to 1,032 bytes is off, because glibc neither overwrites nor clears it.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "GOMP_SPINCOUNT": "10000",
    "TORCHDYNAMO_DISABLE": "1",
    "TORCHINDUCTOR_CACHE_DIR": "/",
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # bytes
    "MALLOC_TRIM_THRESHOLD_": str(2**29),
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
}
_PASSED_ON = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
# No garbage is collected while torch is imported, which takes a fifth less time.
_BOOT = """
import gc, sys
gc.disable()
sys.path.insert(0, {root!r})
from harness.sandbox.confinement.namespaces import enter
obstacle = enter() if {level!r} == "isolated" else ""
from harness.worker.server import main
main(obstacle, level={level!r})
"""
_REAPS_S = 60.0
"""Time in which the server reaps a child that was killed; a large memory takes seconds."""
_END_S = 5.0
NO_PROCESS = b"none\n"
"""What the server reports in place of a child's number."""


class WorkerLostError(MachineError):
    """The worker died; the machine is to blame, no candidate, so the job may be run again."""


class WorkerProcess:
    """A warm server that forks a child for each job.

    Args:
        level: Most confinement to try, one of ``harness.config.schema.LEVELS``.
        patience_s: Seconds that it may take to fork a child; it loads torch before the first.
    """

    def __init__(self, level: str, *, patience_s: float = 300.0) -> None:
        self._patience_s = patience_s
        self._control, far = socket.socketpair()
        self._control.settimeout(patience_s)
        with far:
            command = [
                sys.executable, "-I", "-c", _BOOT.format(root=str(ROOT), level=level),
                str(far.fileno()),
            ]  # fmt: skip
            passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            self._process = patiently(
                lambda: subprocess.Popen(
                    command,
                    pass_fds=[far.fileno()],
                    env=_ENVIRONMENT | passed_on,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )

    @property
    def pid(self) -> int:
        """Its number; within namespaces its only child is the server."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has neither ended nor been killed."""
        return self._process.poll() is None and self._control.fileno() >= 0

    def describe_death(self) -> str:
        """Return that it died, and with which status."""
        return f"the worker server died (status {self._process.poll()})"

    def hand_data(self, fd: int) -> None:
        """Hand over the descriptor of the training data, in place of an earlier one."""
        self._hand_over(b"d", fd)

    def fork(self, *, max_bytes: int) -> tuple[Channel, socket.socket, ChildProcess]:
        """Fork a child.

        Args:
            max_bytes: Bytes to accept from it.

        Returns:
            The channel to it, the socket that reports its exit status within a time limit, and
            the child.

        Raises:
            WorkerLostError: The server died or does not respond, or no process number is free.
        """
        with contextlib.ExitStack() as on_failure:
            (near, far), (status, far_status) = socket.socketpair(), socket.socketpair()
            on_failure.enter_context(near)
            on_failure.enter_context(status)
            with far, far_status:
                self._hand_over(b"j", far.fileno(), far_status.fileno())
            child = self._forked(status)
            on_failure.pop_all()
        return Channel(near, max_bytes=max_bytes), status, child

    def _forked(self, status: socket.socket) -> ChildProcess:
        """Return the child that the server reports to have forked."""
        status.settimeout(self._patience_s)
        try:
            message, handles, _, _ = socket.recv_fds(status, 32, 1)
        except TimeoutError as error:
            raise self._silent() from error
        if not message:
            raise WorkerLostError(self.describe_death())
        if message == NO_PROCESS:
            raise WorkerLostError(
                "expected a process for a job, the host had no free process number for 10 s. End "
                "other processes, or raise the limit (ulimit -u, the container's pids limit)."
            )
        status.settimeout(min(self._patience_s, _REAPS_S))
        return ChildProcess(int(message), handles[0] if handles else None)

    def close(self) -> None:
        """End the server; its children lose their channel and end, too."""
        self._control.close()
        try:
            self._process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the server, its children and what they left, also where it does not respond."""
        kill_children(self._process, patience_s=_END_S)
        self._control.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process may trace it
            self._process.wait(timeout=_END_S)

    def _silent(self) -> WorkerLostError:
        self.kill()
        return WorkerLostError(
            f"expected the worker server to start a process within {self._patience_s:g} s, it did "
            f"not respond and was killed"
        )

    def _hand_over(self, kind: bytes, *fds: int) -> None:
        try:
            socket.send_fds(self._control, [kind], fds)
        except TimeoutError as error:
            raise self._silent() from error
        except OSError as error:
            raise WorkerLostError(self.describe_death()) from error
