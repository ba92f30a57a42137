"""Opens laboratories: a worker with the training data, the gates and the training before it."""

import contextlib
import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from harness.config.schema import Config
from harness.evaluation.assessor import Backend
from harness.evaluation.cache import FOLDER, FORGETFUL, Trainings, processor
from harness.evaluation.device_slots import Device
from harness.evaluation.evaluator import Evaluator, Hear, unheard
from harness.evaluation.gates import Interface, Validator, network_class
from harness.evolution.genome import Genome
from harness.sandbox.sandbox import Sandbox
from harness.tasks.image_classification.datasets import Dataset


class Backends:
    """Opens laboratories one after another, with one worker for as long as it fits.

    So the jobs of a multirun share a worker. trainings: the folder that remembers what was trained,
    ``runs_dir/.trainings`` where none is given.
    """

    def __init__(self, trainings: Path | None = None) -> None:
        self._trainings = trainings
        self._stack = contextlib.ExitStack()
        self._sandbox: Sandbox | None = None
        self._device: Device | None = None
        self._settings: tuple[Any, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, config: Config, dataset: Dataset, network: Genome) -> Backend:
        """Return the laboratory that this configuration asks for; one opened before is closed."""
        settings = (config.limits, config.sandbox, config.device, config.deterministic)
        if self._sandbox is None or settings != self._settings:
            self._sandbox = None  # should the next one not start, this one must not be given out
            self._stack.close()
            self._sandbox = self._stack.enter_context(worker(config))
            self._device = Device(self._sandbox)
            self._settings = copy.deepcopy(settings)
        trainings = Trainings(self._trainings or Path(config.runs_dir) / FOLDER)
        assert self._device is not None
        return equipped(self._sandbox, self._device, config, dataset, network, trainings=trainings)


@contextlib.contextmanager
def open_backend(
    config: Config,
    dataset: Dataset,
    network: Genome,
    *,
    most: str = "isolated",
    trainings: Trainings = FORGETFUL,
    hear: Hear = unheard,
) -> Iterator[Backend]:
    """Start a worker and give it the training data; InputError below ``sandbox.level``.

    most: the most confinement to try. trainings: what remembers networks trained before.
    hear: told of every epoch.
    """
    with worker(config, most=most) as sandbox:
        yield equipped(
            sandbox, Device(sandbox), config, dataset, network, trainings=trainings, hear=hear
        )


@contextlib.contextmanager
def worker(config: Config, *, most: str = "isolated") -> Iterator[Sandbox]:
    """Start a worker; InputError below ``sandbox.level``."""
    with Sandbox(
        config.limits,
        level=config.sandbox.level,
        most=most,
        device=config.device,
        deterministic=config.deterministic,
    ) as sandbox:
        sandbox.require_level()
        yield sandbox


def equipped(
    sandbox: Sandbox,
    device: Device,
    config: Config,
    dataset: Dataset,
    network: Genome,
    *,
    trainings: Trainings,
    hear: Hear = unheard,
) -> Backend:
    """Give a worker the training data, and put gates and evaluation before it."""
    channels, height, width = dataset.input_shape
    size = config.recipe.size_px
    interface = Interface(
        class_name=network_class(network, path=Path(config.network.path)),
        input_shape=(channels, size or height, size or width),
        n_classes=dataset.n_classes,
    )
    return Backend(
        dataset=dataset,
        network=network,
        validate=Validator(sandbox, device, interface, config.recipe),
        evaluate=Evaluator(
            sandbox,
            device,
            dataset,
            interface,
            config.recipe,
            seed_network=network,
            trainings=trainings,
            machine={
                "device": sandbox.device,
                "sandbox": sandbox.level,
                "processor": processor(),
                "gpu": sandbox.machine["cuda"],
                "torch": sandbox.machine["torch"],
                "deterministic": config.deterministic,
            },
            save_every_s=config.save_every_s,
            hear=hear,
        ),
        machine={"device": sandbox.device, "sandbox": sandbox.level, **sandbox.machine},
        workers=_side_by_side(config),
    )


def _side_by_side(config: Config) -> int:
    """How many candidates to work on at once: as asked for, or what there is room for."""
    if config.workers:
        return config.workers
    limits = config.limits
    return max(1, min(_cores() // limits.threads, _memory_mib() // limits.memory_mib))


def _memory_mib() -> int:
    """Memory of this machine or container."""
    n = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    with contextlib.suppress(OSError, ValueError):  # no control group, or no limit in it
        n = min(n, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return n // 2**20


def _cores() -> int:
    """Processors that this process may use, a container's share of them counted in whole ones."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no control group, or no limit in it
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        n = min(n, max(1, int(quota) // int(period)))
    return n
