"""The seed network on real images, and a worker to train it in."""

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench.gpu.sizes import images_in
from harness.config.compose import compose
from harness.config.schema import LEVELS
from harness.config.strategies import build
from harness.evaluation.scoring import BATCH_SIZES
from harness.evolution.genome import Genome
from tests.support.backends import open_backend
from tests.support.jobs import train_job

CORES = len(os.sched_getaffinity(0))
THREADS = compose([]).limits.threads
SEED_NETWORK = Path(__file__).parents[1] / "baselines" / "networks" / "exquisitenet_v2.py"


def pytest_addoption(parser):
    parser.addoption(
        "--images", metavar="FOLDER", help="an image folder of some 50,000 images, 32 x 32 pixels"
    )
    parser.addoption(
        "--confinement", choices=LEVELS, default=LEVELS[-1], help="the most that trainings try"
    )
    parser.addoption(
        "--dry-run", action="store_true", help="try what needs a GPU on the CPU, at tiny sizes"
    )


@pytest.fixture(scope="session")
def network():
    return Genome.parse(SEED_NETWORK.read_text())


@pytest.fixture(scope="session")
def config():
    return compose(["display=plain", "limits.train_s=3600", "limits.memory_mib=16384"])


@pytest.fixture(scope="session")
def datasets(request):
    """Both tasks by name; the larger one only where a folder is named."""
    found = {"digits": build(compose([]).task).load()}
    folder = request.config.getoption("--images")
    if folder:
        found["images"] = images_in(Path(folder))
    return found


@pytest.fixture(scope="session")
def digits(datasets):
    return datasets["digits"]


@pytest.fixture
def trains(config, network, request):
    """A backend's worker, and the job that trains the seed network in it."""
    strongest = request.config.getoption("--confinement")

    @contextmanager
    def opened(
        dataset, *, threads=THREADS, most=strongest, device="cpu", deterministic=False, **recipe
    ):
        limits = replace(config.limits, threads=threads)
        recipe = replace(config.recipe, **recipe)
        free = replace(config.sandbox, level="limits")
        chosen = replace(
            config, limits=limits, recipe=recipe, sandbox=free, device=device,
            deterministic=deterministic,
        )  # fmt: skip
        with open_backend(chosen, dataset, network, confinement=most) as lab:
            job = train_job(network, lab.evaluate._signature, recipe, sizes=BATCH_SIZES)
            yield lab.evaluate._sandbox, job

    return opened


def pytest_benchmark_update_machine_info(config, machine_info):
    import torch

    machine_info["torch"] = torch.__version__
    machine_info["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None


SKIPPED = {}


def pytest_runtest_logreport(report):
    if report.skipped:
        SKIPPED[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")


def pytest_benchmark_update_json(config, benchmarks, output_json):
    output_json["skipped"] = SKIPPED
    output_json["machine_info"].pop("node", None)  # a name, which describes nothing
    for one in output_json["benchmarks"]:
        one["stats"].pop("data", None)
