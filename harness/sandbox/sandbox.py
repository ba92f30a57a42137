"""The harness's side of a worker: start it warm, hand it jobs, watch it, kill it.

What this stops, and what it does not, is written in THREAT_MODEL.md; ``python -m harness.doctor``
tries it on this host.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import IO, Any, Self

from harness.config.paths import ROOT
from harness.config.schema import LEVELS, Limits
from harness.errors import InputError, MachineError
from harness.sandbox import attacks
from harness.sandbox.child_process import Child
from harness.sandbox.frames import Channel, WireError
from harness.sandbox.job import MAX_ANSWER_BYTES, Guard, JobFailed, Session, died
from harness.sandbox.shared_data import Images

_START_TIMEOUT_S = 120
_DEATH_S = 2.0
"""A process whose channel closed because it died is reaped well within this time."""
# One thread, so that the server can fork. A short spin: on two cores a training of 2.4 s alone
# took more than 60 s beside a second one with libgomp's default, 12 s with this, 2.7 s alone.
# torch.compile does nothing: it would start a compiler. Memory that a step gives back stays with
# the process for the next: with glibc's defaults each epoch of the digits took 10,000 page faults.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "GOMP_SPINCOUNT": "10000",
    "TORCHDYNAMO_DISABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # bytes
    "MALLOC_TRIM_THRESHOLD_": str(2**29),
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
_ELSEWHERE = (
    "Only Linux can confine a candidate: here it could read your files, use the network, start "
    "processes and use up memory. Run in a Linux container or virtual machine, or accept that "
    "with sandbox.level=limits."
)


class WorkerLostError(MachineError):
    """The worker server died; nobody's fault but the machine's, so the job may be run again."""


class Sandbox:
    """A warm worker server; each job runs in a process of its own, forked from it.

    level: the least confinement to work with. most: the most to try, for tests and comparisons.
    deterministic: whether a GPU is to give the same bits each time.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        level: str = "contained",
        most: str = "isolated",
        device: str = "auto",
        deterministic: bool = False,
    ) -> None:
        self.limits = limits
        self._deterministic = deterministic
        self.required, self._most = level, most
        self._wanted_device = device
        self._held: IO[bytes] | None = None
        self._images: Images | None = None
        self._lock = threading.RLock()
        if sys.platform != "linux":
            self._most = "limits"
            if not hasattr(os, "fork") or level != "limits":
                raise InputError(f"sandbox.level={level}: {_ELSEWHERE}")
        self._start()

    def _start(self) -> None:
        self._machine: dict[str, Any] = {}
        self._stopped: dict[str, str] = {}
        self._control, far = socket.socketpair()
        boot = _BOOT.format(root=str(ROOT), level=self._most)
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", boot, str(far.fileno())],
                pass_fds=[far.fileno()],
                env=_ENVIRONMENT | {n: os.environ[n] for n in _PASSED_ON if n in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """End the server; its children lose their channel and end too."""
        self._control.close()
        if self._held:
            self._held.close()
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
        """The worker's torch version, its GPU's name or None, what it cannot confine and why."""
        with self._lock:
            if not self._machine:
                job = {"task": "probe", "device": "cuda"}
                with self._job(job, time_limit_s=_START_TIMEOUT_S) as session:
                    self._machine = session.receive()
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

    @property
    def stopped(self) -> Mapping[str, str]:
        """What stopped each attack on this host; empty where the attack succeeded."""
        with self._lock:
            if not self._stopped:
                names = [n for n, a in attacks.ATTACKS.items()
                         if self.device == "cpu" or not a.cpu_only]  # fmt: skip
                with attacks.target() as target:
                    # Where executing succeeds, nobody is left to answer.
                    self._stopped = self._attack(target, [n for n in names if n != "execute"])
                    try:
                        self._stopped |= self._attack(target, ["execute"])
                    except JobFailed:
                        self._stopped["execute"] = ""
            return self._stopped

    @property
    def level(self) -> str:
        """The level that this host reaches: the highest whose attacks were all stopped."""
        reached = LEVELS[0]
        for level in LEVELS[: 1 + LEVELS.index(self._most)]:
            if any(not self.stopped[n] for n in self.stopped if attacks.ATTACKS[n].level == level):
                break
            reached = level
        return reached

    def require_level(self) -> None:
        """Raise InputError where this host does not reach the level asked for."""
        if LEVELS.index(self.level) < LEVELS.index(self.required):
            lacks = "; ".join(self.machine["missing"]) or "an attack succeeded"
            raise InputError(
                f"sandbox.level={self.required}: expected a host that confines candidates that "
                f"far, this one reaches {self.level} ({lacks}). `python -m harness.doctor` shows "
                f"what is open. Use another host, or sandbox.level={self.level}."
            )

    def hold(self, images: Images) -> None:
        """Give the server training images and labels; jobs that train or audit see them."""
        if self._held:
            self._held.close()
        self._images, self._held = images, images.to_file()
        self._hand_over(b"d", self._held.fileno())

    def require(self, images: Images) -> None:
        """Raise MachineError where it was given other images since: they would be trained on."""
        if images is not self._images:
            raise MachineError(
                "expected an open backend, its worker has been given to another since. Open the "
                "backend again."
            )

    @contextlib.contextmanager
    def run(
        self, job: Mapping[str, Any], *, time_limit_s: float, spent_s: float = 0.0
    ) -> Iterator[Session]:
        """Run one job; JobFailed when it breaks a rule or a limit, and always killed after.

        spent_s: how much of the time limit was used up before.
        """
        with self._lock:
            if self._process.poll() is not None:
                self._restart()
        job = {**job, "device": self.device, "deterministic": self._deterministic}
        with self._job(job, time_limit_s=time_limit_s, spent_s=spent_s) as session:
            yield session

    def _restart(self) -> None:
        self._control.close()
        self._start()
        self.require_level()
        if self._held:
            self._hand_over(b"d", self._held.fileno())

    def _attack(self, target: attacks.Target, names: list[str]) -> dict[str, str]:
        job = {"task": "attack", "device": self.device, "target": vars(target), "attacks": names}
        with self._job(job, time_limit_s=_START_TIMEOUT_S) as session:
            found: dict[str, str] = session.receive()
            return found

    @contextlib.contextmanager
    def _job(
        self, job: Mapping[str, Any], *, time_limit_s: float, spent_s: float = 0.0
    ) -> Iterator[Session]:
        near, far = socket.socketpair()
        status, far_status = socket.socketpair()
        with far, far_status:
            self._hand_over(b"j", far.fileno(), far_status.fileno())
        message, handles, _, _ = socket.recv_fds(status, 32, 1)
        if not message:
            raise WorkerLostError(f"the worker server died (status {self._process.poll()})")
        ends = status.makefile("rb")
        child = Child(int(message), handles[0] if handles else None)
        name = str(job["task"])

        deadline = time.monotonic() + time_limit_s - spent_s
        late = JobFailed(name, "timeout", f"took longer than {time_limit_s:g} s")
        guard = Guard(child, self.limits, job=name, deadline=deadline, late=late)
        channel = Channel(near, max_bytes=MAX_ANSWER_BYTES)
        session = Session(channel, job=name, deadline=deadline)
        try:
            session.send({
                **job,
                "memory_mib": self.limits.memory_mib,
                "threads": self.limits.threads,
                "time_limit_s": time_limit_s,
            })  # fmt: skip
            yield session
        except TimeoutError:
            raise late from None
        except WireError as error:
            channel.close()
            if guard.found is not None:
                raise guard.found from error
            ended, _, _ = select.select([status], [], [], _DEATH_S)
            if not ended:  # it closed the channel and lives on
                raise JobFailed(name, "protocol", f"stopped answering: {error}") from error
            if not (line := ends.readline()):
                lost = f"the worker server died (status {self._process.poll()})"
                raise WorkerLostError(lost) from error
            raise died(name, int(line), error) from error
        finally:
            guard.stop()
            channel.close()
            child.kill()
            ends.read()  # until the server has reaped the child: nothing survives this block
            ends.close()
            status.close()
            child.close()

    def _hand_over(self, kind: bytes, *fds: int) -> None:
        try:
            socket.send_fds(self._control, [kind], fds)
        except OSError as error:
            raise WorkerLostError(
                f"the worker server died (status {self._process.poll()})"
            ) from error
