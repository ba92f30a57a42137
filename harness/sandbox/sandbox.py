"""The sandbox: runs jobs with untrusted code in confined processes.

THREAT_MODEL.md says what it stops and what it does not; ``python -m harness.doctor`` tries it on
this host.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import IO, Self

from harness.config.schema import LEVELS, Limits
from harness.errors import InputError, MachineError
from harness.sandbox import attacks
from harness.sandbox.attack_target import lay_out
from harness.sandbox.job import JobFailed, RunningJob, running
from harness.sandbox.messages import Attack, Attacked, Conditions, Job, Machine, Probe
from harness.sandbox.shared_data import SharedData
from harness.sandbox.worker_process import WorkerProcess

_START_TIMEOUT_S = 120
_ELSEWHERE = (
    "Only Linux can confine a candidate: here it could read your files, use the network, start "
    "processes and use up memory. Run in a Linux container or virtual machine, or accept that "
    "with sandbox.level=limits."
)


class Sandbox:
    """A warm worker; each job runs in a process of its own, forked from it.

    Args:
        limits: Memory, time and threads of each job.
        level: Least confinement to work with.
        most: Most confinement to try, for tests and comparisons.
        device: ``cpu``, ``cuda``, or ``auto`` for the best there is.
        deterministic: Whether a GPU has to give the same bits each time.

    Raises:
        InputError: This platform cannot confine processes.
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
        self.required, self._most = level, most
        self._wanted_device, self._deterministic = device, deterministic
        self._data: SharedData | None = None
        self._file: IO[bytes] | None = None
        self._lock = threading.RLock()
        if sys.platform != "linux":
            self._most = "limits"
            if not hasattr(os, "fork") or level != "limits":
                raise InputError(f"sandbox.level={level}: {_ELSEWHERE}")
        self._start()

    def _start(self) -> None:
        self._machine: Machine | None = None
        self._stopped: Mapping[str, str] | None = None
        self._worker = WorkerProcess(self._most)

    def close(self) -> None:
        """End the worker and all its children."""
        self._worker.close()
        if self._file:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def machine(self) -> Machine:
        """What the worker computes on, and what it cannot confine."""
        with self._lock:
            if self._machine is None:
                with self._run_now(Probe(), device="cuda") as job:
                    self._machine = job.receive_answer(Machine)
            return self._machine

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``: the one asked for, or with ``auto`` the best there is."""
        if self._wanted_device == "auto":
            return "cuda" if self.machine.cuda else "cpu"
        if self._wanted_device == "cuda" and not self.machine.cuda:
            raise InputError(
                "device=cuda: expected a CUDA GPU, the worker's torch found none. Use device=cpu, "
                "or check the driver and that torch is a CUDA build."
            )
        return self._wanted_device

    @property
    def stopped(self) -> Mapping[str, str]:
        """What stopped each attack on this host; empty where the attack succeeded."""
        with self._lock:
            if self._stopped is None:
                self._stopped = self._attack()
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
            lacks = "; ".join(self.machine.missing) or "an attack succeeded"
            raise InputError(
                f"sandbox.level={self.required}: expected a host that confines candidates that "
                f"far, this one reaches {self.level} ({lacks}). `python -m harness.doctor` shows "
                f"what is open. Use another host, or sandbox.level={self.level}."
            )

    def hold(self, data: SharedData) -> None:
        """Give the worker training data; jobs that train or audit read them."""
        if self._file:
            self._file.close()
        self._data, self._file = data, data.to_file()
        self._worker.hand_data(self._file.fileno())

    def require(self, data: SharedData) -> None:
        """Raise MachineError where the worker was given other data since."""
        if data is not self._data:
            raise MachineError(
                "expected an open backend, but its worker serves another one now. Open it again."
            )

    @contextlib.contextmanager
    def run(self, job: Job, *, time_limit_s: float, spent_s: float = 0.0) -> Iterator[RunningJob]:
        """Run a job in a process that is killed in any case at the end of the block.

        Args:
            job: What to do.
            time_limit_s: Wall-clock limit in seconds.
            spent_s: Share of the limit that was used up before, in seconds.

        Raises:
            JobFailed: The job failed, broke a rule, or reached a limit.
            WorkerLostError: The worker died.
        """
        with self._lock:
            if not self._worker.is_alive:
                self._restart()
        conditions = self._conditions(self.device, time_limit_s)
        with running(
            self._worker, job, conditions, limits=self.limits, spent_s=spent_s
        ) as running_job:
            yield running_job

    def _restart(self) -> None:
        self._worker.close()
        self._start()
        self.require_level()
        if self._file:
            self._worker.hand_data(self._file.fileno())

    def _run_now(self, job: Job, *, device: str) -> AbstractContextManager[RunningJob]:
        """Run a job of the sandbox's own, which finds out what there is to run jobs with."""
        conditions = self._conditions(device, _START_TIMEOUT_S)
        return running(self._worker, job, conditions, limits=self.limits)

    def _conditions(self, device: str, time_limit_s: float) -> Conditions:
        return Conditions(
            device=device,
            deterministic=self._deterministic,
            memory_mib=self.limits.memory_mib,
            threads=self.limits.threads,
            time_limit_s=time_limit_s,
        )

    def _attack(self) -> Mapping[str, str]:
        """Run all attacks; "execute" last and alone, for where it succeeds there is no answer."""
        cpu, last = self.device == "cpu", "execute"
        names = tuple(
            n for n, a in attacks.ATTACKS.items() if n != last and (cpu or not a.cpu_only)
        )
        stopped: dict[str, str] = {}
        with lay_out() as target:
            for group in (names, (last,)):
                try:
                    attack = Attack(target=target, attacks=group)
                    with self._run_now(attack, device=self.device) as job:
                        stopped |= job.receive_answer(Attacked).stopped
                except JobFailed:
                    if group == names:
                        raise
                    stopped[last] = ""
        return stopped
