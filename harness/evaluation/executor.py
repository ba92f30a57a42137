"""Executors: where candidates are gated and trained.

An executor opens a backend for a configuration, its data and its seed network. Everything above a
backend runs in the process of the command and is recorded there. A new executor is a class with
``open`` and ``close``, and a YAML in ``conf/executor/``.
"""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any, Protocol

from harness.config.schema import Config, Limits
from harness.config.strategies import build
from harness.errors import InputError
from harness.evaluation.backend import Backend
from harness.evaluation.cache import FOLDER, TrainingCache, processor
from harness.evaluation.device_slots import Device
from harness.evaluation.evaluator import Evaluator, OnEpoch
from harness.evaluation.gates import Validator
from harness.evaluation.machine.resources import cores, memory_mib
from harness.evolution.genome import Genome
from harness.sandbox.sandbox import Sandbox
from harness.tasks.base import Dataset, require_own_recipe, scale_of

_MODEST_MIB, _MODEST_THREADS = 4096, 64
"""Limits that third-party settings may use on any machine, however small."""


class Executor(Protocol):
    """Opens backends, one at a time."""

    def open(
        self, config: Config, dataset: Dataset, network: Genome, *, on_epoch: OnEpoch | None = None
    ) -> Backend:
        """Return the backend that a configuration asks for; a backend opened before is closed.

        Args:
            config: Settings of the run.
            dataset: Its data.
            network: Its seed network.
            on_epoch: Called after each epoch, where the executor trains in this process.

        Raises:
            InputError: Candidates would be confined less than ``sandbox.level`` asks for.
        """
        ...

    def close(self) -> None:
        """Release everything that the executor holds."""
        ...


class Executors:
    """Opens each backend with the executor that its configuration names.

    An executor is started once and closed with this object, so that all jobs of a command share
    what it keeps warm.
    """

    def __init__(self) -> None:
        self._started: dict[str, Executor] = {}

    def open(
        self, config: Config, dataset: Dataset, network: Genome, *, on_epoch: OnEpoch | None = None
    ) -> Backend:
        """Return a backend; see ``Executor.open``."""
        name = json.dumps(config.executor, sort_keys=True)
        if name not in self._started:
            self._started[name] = build(config.executor)
        return self._started[name].open(config, dataset, network, on_epoch=on_epoch)

    def close(self) -> None:
        """Close all executors."""
        for executor in self._started.values():
            executor.close()
        self._started.clear()


class LocalThreads:
    """Works on this machine: a thread per candidate, each with a child of one warm worker.

    The worker is kept for as long as its settings fit, so that the jobs of a multirun share it.

    Args:
        cache: Whether to reuse outcomes of trainings, from ``runs_dir/.trainings``.
        confinement: The strongest confinement to try, for comparisons between levels.
    """

    def __init__(self, *, cache: bool = True, confinement: str = "isolated") -> None:
        self._caches, self._confinement = cache, confinement
        self._stack = contextlib.ExitStack()
        self._worker: tuple[Sandbox, Device] | None = None
        self._settings: tuple[Any, ...] = ()

    def open(
        self, config: Config, dataset: Dataset, network: Genome, *, on_epoch: OnEpoch | None = None
    ) -> Backend:
        """Return a backend; see ``Executor.open``."""
        require_cores(config.limits)
        require_own_recipe(dataset, config.recipe)
        sandbox, device = self._warm_worker(config)
        decisive = _decisive_machine(sandbox, config)
        segments = {name: network[name] for name in network.names}
        signature = scale_of(dataset.kind).signature(
            dataset, segments, config.recipe, Path(config.network.path)
        )
        evaluator = Evaluator(
            sandbox,
            device,
            dataset,
            signature,
            config.recipe,
            seed_network=network,
            machine=decisive,
            cache=self._cache(config),
            on_epoch=on_epoch,
        )
        return Backend(
            validate=Validator(sandbox, device, signature, config.recipe),
            evaluate=evaluator,
            workers=candidates_at_once(config),
            machine={
                "device": sandbox.device,
                "sandbox": sandbox.level,
                **sandbox.machine.recorded(),
            },
            decisive=decisive,
        )

    def close(self) -> None:
        """Stop the worker."""
        self._worker = None
        self._stack.close()

    def _cache(self, config: Config) -> TrainingCache | None:
        if not self._caches:
            return None
        return TrainingCache(Path(config.runs_dir) / FOLDER, save_every_s=config.save_every_s)

    def _warm_worker(self, config: Config) -> tuple[Sandbox, Device]:
        """Return the worker, started again if its settings have changed."""
        settings = (config.limits, config.sandbox, config.device, config.deterministic)
        if self._worker is None or settings != self._settings:
            self.close()
            sandbox = self._stack.enter_context(
                Sandbox(
                    config.limits,
                    level=config.sandbox.level,
                    most=self._confinement,
                    device=config.device,
                    deterministic=config.deterministic,
                )
            )
            sandbox.require_level()
            self._worker = sandbox, Device(sandbox)
            self._settings = copy.deepcopy(settings)
        return self._worker


def _decisive_machine(sandbox: Sandbox, config: Config) -> dict[str, Any]:
    """Return what the outcome of a training depends on of this machine."""
    return {
        "device": sandbox.device,
        "sandbox": sandbox.level,
        "processor": processor(),
        "gpu": sandbox.machine.cuda,
        "torch": sandbox.machine.torch,
        "deterministic": config.deterministic,
    }


def candidates_at_once(config: Config, *, jobs: int = 1) -> int:
    """Return ``workers``; by default as many as there are cores and memory for.

    Args:
        config: Settings of a run.
        jobs: Processes that share the machine evenly.
    """
    if config.workers:
        return config.workers
    limits = config.limits
    return max(1, min(cores() // limits.threads, memory_mib() // limits.memory_mib) // jobs)


def require_cores(limits: Limits) -> None:
    """Raise InputError where candidates have more threads than this machine has cores."""
    if limits.threads > (most := cores()):
        raise InputError(
            f"limits.threads: expected at most {most}, the cores that this process may use, got "
            f"{limits.threads}. Threads without a core of their own wait for each other."
        )


def require_room(limits: Limits) -> None:
    """Check that limits from third-party settings fit this machine.

    Raises:
        InputError: Candidates could use more memory or cores than this machine has.
    """
    most = {
        "memory_mib": max(memory_mib(), _MODEST_MIB),
        "threads": max(cores(), _MODEST_THREADS),
    }
    for name, here in most.items():
        if getattr(limits, name) > here:
            raise InputError(
                f"limits.{name}: expected at most {here:,} on this machine, the third-party "
                f"settings ask for {getattr(limits, name):,}. Set limits.{name} yourself."
            )
