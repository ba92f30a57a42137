"""The worker's server: warm, it forks one child per job.

It is started by exec with an environment of its own, in namespaces of its own where the host allows
that. The server imports torch once and forks; it never runs candidate code, never reads the
training data that it passes on, and is never given validation labels, test labels or keys. A child
confines itself, works (``harness.worker.jobs``), and answers with frames. A door to torch.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import torch
import torch._dynamo  # else every child pays two seconds for it at its first optimizer step

from harness.config.paths import PACKAGE
from harness.sandbox.confinement.child import Confinement
from harness.sandbox.confinement.namespaces import PidNamespaces
from harness.sandbox.confinement.starting import patiently
from harness.sandbox.confinement.system import PR_SET_CHILD_SUBREAPER, prctl
from harness.sandbox.frames import Channel, FrameError
from harness.sandbox.messages import read_request
from harness.sandbox.shared_data import SharedData
from harness.sandbox.worker_process import NO_PROCESS
from harness.tasks.kind import Kind, kinds
from harness.worker.graph import wiring
from harness.worker.interpreter import Interpreter
from harness.worker.jobs import Context, perform
from harness.worker.size import count
from harness.worker.tracing import Recorder

_MAX_JOB_BYTES = 1 << 32
_LINUX = sys.platform == "linux"
_TICK_S = 0.02
"""How often processes are looked for that left their parent, where candidates can start any."""
_PAUSE_S = 0.001
_END_S = 1.0
"""How long the end of such processes is awaited before the end of their job is reported."""


def main(obstacle: str, *, level: str) -> None:
    """Serve until the harness closes the control socket, whose number is the only argument.

    Args:
        obstacle: Why there are no namespaces; empty where there are.
        level: Most confinement to try.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    confinement = Confinement(exclude=PACKAGE, enforce=_LINUX and level != "limits")
    tasks = kinds()  # before the files of all loaded packages are listed
    confinement.prepare()
    _warm_up(tasks)
    namespaces = None
    if _LINUX:
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what outlives a child becomes ours to kill
        if len(list(Path("/proc/self/task").iterdir())) != 1:
            raise SystemExit("the worker server has more than one thread: it cannot fork safely")
    if level == "isolated" and obstacle:
        confinement.missing.append(obstacle)
    elif level == "isolated":
        namespaces = PidNamespaces()
        confinement.prepare_tree()
    gc.freeze()  # children need not search what was imported for garbage
    gc.enable()
    Server(control, confinement, namespaces).serve()
    os._exit(0)  # taking torch down in order takes more than a second and saves nothing


def _warm_up(tasks: Iterable[Kind]) -> None:
    """Compute once what every child would set up again; no backward, for it would start CUDA."""
    torch.set_num_threads(1)
    for task in tasks:
        network, inputs = task.warm_up()
        recorder = Recorder()
        recorder.record(network.eval(), inputs)
        interpreter = Interpreter(recorder.graph(), device="cpu")
        count(interpreter, inputs, outline=wiring(recorder.graph()))


class Server:
    """Gets the training data by descriptor, and forks a child for each pair of sockets."""

    def __init__(
        self, control: socket.socket, confinement: Confinement, namespaces: PidNamespaces | None
    ) -> None:
        self._control, self._confinement, self._namespaces = control, confinement, namespaces
        self._data: int | None = None
        self._statuses: dict[int, socket.socket] = {}
        self._woken, self._wakeup = socket.socketpair()
        for end in (self._woken, self._wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Answer requests and report each child's end until the control socket closes."""
        while True:
            ready, _, _ = select.select([self._control, self._woken], [], [], self._patience_s)
            if self._woken in ready:
                self._woken.recv(4096)
                self._reap()
            elif not ready:
                self._kill_orphans()
            if self._control in ready and not self._request():
                break
        signal.set_wakeup_fd(-1)
        for pid in self._statuses:  # the harness has ended
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._statuses.clear()
        self._kill_orphans(patience_s=_END_S)

    @property
    def _patience_s(self) -> float | None:
        """Seconds to wait for a request or the end of a child, None for any time."""
        return _TICK_S if not self._confinement.enforce and self._has_children else None

    @property
    def _has_children(self) -> bool:
        return bool(_children() if _LINUX else self._statuses)

    def _request(self) -> bool:
        message, fds, _, _ = socket.recv_fds(self._control, 1, 2)
        if not message:
            return False
        if message == b"d":
            if self._data is not None:
                os.close(self._data)
            (self._data,) = fds
        else:
            self._fork(*(socket.socket(fileno=fd) for fd in fds))
        return True

    def _fork(self, job: socket.socket, status: socket.socket) -> None:
        """Fork a child for a job, and tell the harness its number, or that none is free."""
        if self._namespaces is not None:
            self._namespaces.renew()
        try:
            pid = patiently(self._forked)
        except BlockingIOError:
            with job, status, contextlib.suppress(ConnectionError):
                status.sendall(NO_PROCESS)
            return
        if pid == 0:
            code = 1
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()
                code = _child(job, self._data, self._confinement)
            finally:
                os._exit(code)
        job.close()
        self._statuses[pid] = status
        with contextlib.suppress(ConnectionError):  # the harness may have ended
            _introduce(pid, status)

    def _forked(self) -> int:
        """Fork; where no process number is free, free those that ended jobs hold."""
        try:
            return os.fork()
        except BlockingIOError:
            self._kill_orphans(patience_s=_TICK_S)
            self._reap()
            return os.fork()

    def _reap(self) -> None:
        """Reap all that has ended, kill what jobs left behind, and report the jobs that ended."""
        ended: list[tuple[socket.socket, int]] = []
        with contextlib.suppress(ChildProcessError):
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                pid, wait_status = reaped
                if pid in self._statuses:  # else a descendant that outlived its parent
                    ended.append((self._statuses.pop(pid), os.waitstatus_to_exitcode(wait_status)))
        self._kill_orphans(patience_s=_END_S if ended else 0)
        for status, code in ended:
            with status, contextlib.suppress(ConnectionError):  # the harness may have ended
                status.sendall(f"{code}\n".encode())

    def _kill_orphans(self, *, patience_s: float = 0.0) -> None:
        """Kill and reap what outlived its parent: the kernel handed it to this process.

        Each that ends leaves its own children here. One that another process traces cannot be
        reaped before the tracer lets go of it or ends; it is tried again later.

        Args:
            patience_s: How long to wait for their end.
        """
        if not _LINUX or self._namespaces is not None:
            return
        deadline = time.monotonic() + patience_s
        while orphans := _children() - self._statuses.keys():
            for pid in orphans:  # a number that nobody has reaped belongs to no other process
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            if time.monotonic() >= deadline:
                return
            time.sleep(_PAUSE_S)


def _introduce(pid: int, status: socket.socket) -> None:
    """Send the harness the child's number, and a pidfd: numbers differ between namespaces."""
    if hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(pid)
        try:
            socket.send_fds(status, [f"{pid}\n".encode()], [handle])
        finally:
            os.close(handle)
    else:
        status.sendall(f"{pid}\n".encode())


def _children() -> set[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return set(map(int, listed.split()))


def _child(sock: socket.socket, data: int | None, confinement: Confinement) -> int:
    channel = Channel(sock, max_bytes=_MAX_JOB_BYTES)
    try:
        job, conditions = read_request(channel.receive_json())
        mapped = SharedData.of_file(data) if job.reads_data and data is not None else None
        confinement.close_all_but(sock.fileno())
        confinement.enter(
            cuda=conditions.device == "cuda",
            memory_mib=conditions.memory_mib,
            cpu_s=conditions.time_limit_s * max(2, conditions.threads),  # a GPU has its own, too
        )
        missing = tuple(confinement.missing)
        perform(job, conditions, Context(conditions, channel, data=mapped, missing=missing))
    except FrameError:
        return 1
    return 0
