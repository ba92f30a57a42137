"""What many tests share: the seed network, the digits, one warm worker."""

import gc
import os
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

from harness.config.compose import compose
from harness.config.strategies import build
from harness.evaluation.executor import LocalThreads
from harness.evolution.genome import Genome
from harness.record import database
from harness.record.journal import read_events
from harness.tasks.image_classification.datasets import read_digits
from tests.support.backends import open_backend

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests share the cores; torch is imported later
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)
hypothesis.settings.register_profile("fresh", deadline=None)
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.load_profile("same")  # a change is judged by the examples of the last one
database.SYNCHRONOUS = "OFF"  # what a killed process wrote is there; no test ends the machine
ROOT = Path(__file__).parents[1]
ARMS = sorted(p.stem for p in (ROOT / "conf" / "ablation").glob("*.yaml"))
SEED_NETWORK = ROOT / "baselines" / "networks" / "exquisitenet_v2.py"

SMALL = (
    "recipe.epochs=1", "final.seeds=1", "budget.evaluations=2", "sizes.founders=2",
    "sizes.offspring=2", "display=plain", "limits.threads=1",
)  # fmt: skip
"""Settings under which a run takes seconds."""


OWN_NETWORK = '''"""A user's own network."""

import torch
from torch import nn


# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    return torch.optim.SGD(model.parameters(), lr=lr * 0.1, momentum=0.9)


# segment: Net
class Net(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(img_channels, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.head = nn.Linear(16, class_num)

    def forward(self, x):
        return self.head(self.body(x).mean(dim=(2, 3)))


# segment: notes
notes = "not a class"
'''
OWN_FUNCTIONS = OWN_NETWORK.replace('notes = "not a class"', "def notes():\n    pass")
"""The same, as operators that edit functions and classes want it."""

LONGEST = (
    "test_commands", "test_replay", "test_llm_runs", "test_recipes", "test_run", "test_reproductions",
    "test_evaluator", "test_confinement", "test_checkpoint", "test_studies", "test_candidates",
    "test_openai_client", "test_pytest_plugin", "test_evidence", "test_metering", "test_figures",
    "test_html", "test_fidelity_study", "test_sandbox", "test_third_party", "test_secrecy",
    "test_wandb_mirror", "test_cache", "test_syntax_edits", "test_guided", "test_conf",
)  # fmt: skip
"""Files of tests that take longest, the longest first."""
TIMES = {"train_s", "at", "latency_s"}


def pytest_xdist_auto_num_workers():
    """One process more than cores, since many tests wait: for a time limit, or another process."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None


def pytest_collection_modifyitems(items):
    """Let workers begin with the longest files, so that all of them end at about the same time."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def pytest_collection_finish():
    """Keep the garbage collector from searching what was imported, again and again."""
    gc.collect()
    gc.freeze()


def told(folder):
    """Events by key, without times and without what names the machine."""

    def timeless(value):
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if k not in TIMES}
        return value

    events = {e.key: timeless(e.content) for e in read_events(folder)}
    del events["manifest"]
    return events


def server_of(sandbox):
    """Process number of the worker server; within namespaces its first process only waits."""
    pid = sandbox._worker.pid
    return children_of(pid)[0] if sandbox.level == "isolated" else pid


def children_of(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def children_of_worker(sandbox):
    return children_of(server_of(sandbox))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Settings for a folder of so few images that a training takes a fraction of a second."""
    folder = tmp_path_factory.mktemp("tiny")
    digits = read_digits()
    images = digits[:, :-1].reshape(-1, 8, 8)
    for label in range(4):
        members = np.flatnonzero(digits[:, -1] == label)
        for part, chosen in (("train", members[:15]), ("test", members[15:20])):
            where = folder / part / str(label)
            where.mkdir(parents=True)
            for i in chosen:
                Image.fromarray((images[i] * 15).astype("u1")).save(where / f"{i}.png")
    return (*SMALL, "task=image_folder", "task.size=16", f"task.path={folder}")


@pytest.fixture(scope="session")
def quick(tmp_path_factory, tiny):
    """The same with a network of a few hundred parameters."""
    own = tmp_path_factory.mktemp("own") / "own.py"
    own.write_text(OWN_FUNCTIONS)
    return (*tiny, f"network.path={own}")


@pytest.fixture(scope="session")
def executor():
    """One warm worker for whole runs; what they train is remembered in their own folders."""
    with closing(LocalThreads()) as opened:
        yield opened


@pytest.fixture
def untrained(executor, tmp_path):
    """Opens a backend with that worker, in which no network has been trained yet."""

    def opened(config, dataset, network, **settings):
        chosen = replace(config, runs_dir=str(tmp_path))
        return executor.open(chosen, dataset, network, **settings)

    return opened


@pytest.fixture(scope="session", autouse=True)
def _at_home_nowhere(tmp_path_factory):
    """No test reaches for a network, or for a key or a cache of the person who runs it."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    for name in ("OPENAI_API_KEY", "WANDB_API_KEY"):
        os.environ.pop(name, None)
    os.environ["WANDB_MODE"] = "offline"


@pytest.fixture(scope="session")
def network_path():
    return SEED_NETWORK


@pytest.fixture(scope="session")
def network():
    return Genome.parse(SEED_NETWORK.read_text())


@pytest.fixture(scope="session")
def config():
    return compose(SMALL)


@pytest.fixture(scope="session")
def digits(config):
    return build(config.task).load()


@pytest.fixture(scope="session")
def backend(config, digits, network):
    """One backend with a real worker, for every test that only reads from it."""
    with open_backend(config, digits, network) as opened:
        yield opened
