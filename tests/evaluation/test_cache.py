"""No network is trained twice, and a training that is cut into pieces ends as one that is not."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from harness.config.compose import compose
from harness.config.paths import PACKAGE
from harness.config.strategies import build
from harness.errors import RecordError
from harness.evaluation.cache import FOLDER, TrainingCache, _sources, code_digest
from harness.evaluation.checkpoint import Checkpoint
from harness.evaluation.scoring import Scorer
from harness.evaluation.training_job import RemoteTraining
from harness.evolution.candidate import Evaluation, Rejection
from harness.evolution.genome import read_network
from harness.record.journal import find_runs, read_events
from harness.sandbox.job import JobFailed
from harness.sandbox.shared_data import SharedData
from harness.tasks.image_classification.kind import KIND
from harness.tasks.image_classification.recipe import ImageRecipe
from harness.worker.training import DivergedError, Training
from tests.conftest import told
from tests.support.backends import complete_folders, open_backend
from tests.support.jobs import train_job
from tests.support.modules import MODULES, ours

FATE = Evaluation(score=0.5, n_params=7, train_s=1.5)
RECIPE = ImageRecipe(
    epochs=5, batch_size=8, lr=0.1, weight_decay=0.0, flip=True, jitter=0.2, shift_px=1,
    schedule="plateau", plateau_epochs=1, plateau_factor=0.5, min_lr=1e-9,
)  # fmt: skip


@pytest.fixture
def trainings(tmp_path):
    return TrainingCache(tmp_path / "made")


def test_a_training_is_done_once_whoever_asks(trainings, tmp_path):
    calls = []

    def train(_):
        calls.append(threading.get_ident())
        time.sleep(0.2)
        return FATE

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: trainings.once({"genome": "a"}, train), range(8)))
    assert outcomes == [FATE] * 8
    assert TrainingCache(tmp_path / "made").once({"genome": "a"}, train) == FATE
    assert len(calls) == 1
    trainings.once({"genome": "b"}, train)
    assert len(calls) == 2
    assert sorted(p.suffix for p in (tmp_path / "made").iterdir()) == [".json", ".json"]


def test_what_a_limit_of_the_machine_decided_is_not_kept(trainings):
    slow = Rejection(gate="train", kind="timeout", reason="took longer")
    wrong = Rejection(gate="train", kind="diverged", reason="not finite")
    assert trainings.once({"n": 1}, lambda _: slow) == slow
    assert trainings.once({"n": 1}, lambda _: FATE) == FATE
    assert trainings.once({"n": 2}, lambda _: wrong) == wrong
    assert trainings.once({"n": 2}, lambda _: FATE) == wrong


def test_a_broken_machine_leaves_no_outcome(trainings):
    def breaks(_):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        trainings.once({"n": 1}, breaks)
    assert trainings.once({"n": 1}, lambda _: FATE) == FATE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fate": {"accuracy": 1}}'])
def test_a_damaged_file_is_told(trainings, tmp_path, text):
    trainings.once({"n": 1}, lambda _: FATE)
    (path,) = (tmp_path / "made").iterdir()
    path.write_text(text)
    with pytest.raises(RecordError, match="Remove it; the network is trained again"):
        trainings.once({"n": 1}, lambda _: FATE)


def test_a_checkpoint_is_loaded_as_it_was_saved_and_gone_at_the_end(trainings, tmp_path):
    kept = Checkpoint(
        epoch=4,
        state=np.arange(9, dtype="u1"),
        spent_s=12.5,
        score=0.25,
        network=(np.zeros(3, "f4"),),
    )

    def interrupted(place):
        assert place.load() is None
        place.save(replace(kept, spent_s=1.0))
        place.save(kept)
        raise KeyboardInterrupt

    def goes_on(place):
        found = place.load()
        assert (found.epoch, found.spent_s, found.score) == (4, 12.5, 0.25)
        assert np.array_equal(found.state, kept.state)
        assert np.array_equal(found.network[0], kept.network[0])
        return FATE

    with pytest.raises(KeyboardInterrupt):
        trainings.once({"n": 1}, interrupted)
    assert trainings.once({"n": 1}, goes_on) == FATE
    assert [p.suffix for p in (tmp_path / "made").iterdir()] == [".json"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("reporting/tables.py", False), ("analysis/stats.py", False), ("llm/guided.py", False),
        ("worker/training.py", True), ("tasks/new/kind.py", True), ("config/schema.py", True),
        ("sandbox/confinement/limits.py", True), ("seeding.py", True),
    ],
)  # fmt: skip
def test_the_code_that_decides_a_training_is_part_of_its_key_and_no_other(tmp_path, name, changes):
    package = shutil.copytree(PACKAGE, tmp_path / "harness")
    before = code_digest(package)
    assert before == code_digest()
    code_digest.cache_clear()
    changed = package / name
    changed.parent.mkdir(exist_ok=True)
    with changed.open("a") as file:
        file.write("# changed\n")
    assert (code_digest(package) != before) == changes


def test_the_key_covers_every_module_that_a_training_loads():
    """What training and scoring import belongs to the key, unless it can change no outcome."""
    start = ("evaluation.evaluator", "evaluation.training_job", "worker.server", "worker.jobs")
    loaded, found = list(start), set(start)
    while loaded:
        for name in ours(MODULES[loaded.pop()]):
            if name not in found:
                found.add(name)
                loaded.append(name)
    covered = {".".join(path.relative_to(PACKAGE).with_suffix("").parts)
               for path in _sources(PACKAGE)}  # fmt: skip
    assert found - covered <= {"config.paths", "errors", "evolution.pareto"}


class Dropping(nn.Module):
    """Draws at random in training, and has running statistics."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def begun(recipe=RECIPE, rate=0.1):
    rng = np.random.default_rng(0)
    data = SharedData(
        inputs=rng.integers(0, 255, (40, 3, 8, 8), "u1"), labels=rng.integers(0, 2, 40).astype("i8")
    )
    torch.manual_seed(0)
    network = Dropping()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    training = Training(network, optimizer, data, kind=KIND, recipe=recipe, seed=3, device="cpu")
    return network, training


@pytest.mark.parametrize("cut", [1, 2, 4])
@pytest.mark.parametrize("schedule", ["plateau", "decay"])
def test_a_training_goes_on_as_if_never_interrupted(cut, schedule):
    recipe = replace(RECIPE, schedule=schedule)
    whole, training = begun(recipe)
    assert list(training.epochs()) == [1, 2, 3, 4, 5]
    _, first = begun(recipe)
    epochs = first.epochs()
    for _ in range(cut):
        next(epochs)
    state = first.state()
    torch.manual_seed(99)  # what another process would have drawn meanwhile
    pieces, second = begun(recipe)
    second.restore(state)
    assert list(second.epochs()) == [1, 2, 3, 4, 5][cut:]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, pieces.state_dict()[name]), name


def test_a_loss_that_is_not_finite_ends_training_within_the_epoch():
    steps = []

    class Exploding(torch.optim.SGD):
        def step(self, closure=None):
            steps.append(1)
            super().step(closure)

    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 255, (1000, 3, 8, 8), "u1")
    data = SharedData(inputs=inputs, labels=np.zeros(1000, "i8"))
    network = Dropping()
    optimizer = Exploding(network.parameters(), lr=float("nan"))
    recipe = replace(RECIPE, batch_size=2)
    training = Training(network, optimizer, data, kind=KIND, recipe=recipe, seed=0, device="cpu")
    with pytest.raises(DivergedError, match="not finite in epoch 1"):
        list(training.epochs())
    assert len(steps) <= 64  # of 500


def test_identical_networks_train_once_across_runs_arms_and_formatting(quick, tmp_path, executor):
    """Two runs in one folder: the second finds what the first trained, and records it as its own."""
    settings = [*quick, "+ablation=random_mutation", "compare=[]", f"runs_dir={tmp_path}"]
    (first,) = complete_folders([compose(settings)], executor)
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / FOLDER).iterdir()}
    assert len(made) >= 3  # the seed network and what came of it, search and final
    (second,) = complete_folders([compose([*settings, "rates.p_mate=0.34"])], executor)
    assert second != first
    assert told(first) == told(second)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / FOLDER).iterdir()} == made
    times = [
        [e.content.get("train_s") for e in read_events(f) if e.KIND == "training"]
        for f in (first, second)
    ]
    assert sorted(times[0]) == sorted(times[1])


def test_comments_and_formatting_do_not_make_another_training(network, tiny, tmp_path, executor):
    config = compose([*tiny, f"runs_dir={tmp_path}"])
    own = build(config.task).load()
    evaluate = executor.open(config, own, network).evaluate
    first = evaluate.search(network, seed=1)
    commented = network.replace("DW", f"# another comment\n{network['DW']}\n\n\n# more")
    assert commented.source != network.source
    assert evaluate.search(commented, seed=1) == first
    (path,) = (tmp_path / FOLDER).glob("*.json")
    assert json.loads(path.read_text())["training"]["genome"] == network.digest
    evaluate.search(network, seed=2)
    evaluate.search(network, seed=1, epochs=2)
    assert len(list((tmp_path / FOLDER).glob("*.json"))) == 3


class Stopped(BaseException):
    """Stands for whatever ends a process."""


class Cut:
    """Trains a genome in pieces: stops after an epoch, goes on in another backend."""

    def __init__(self, quick, executor, runs_dir):
        settings = [*quick, "recipe.epochs=4", "save_every_s=0", f"runs_dir={runs_dir}"]
        self.config = compose(settings)
        self.executor = executor
        self.dataset = build(self.config.task).load()
        self.network = read_network(Path(self.config.network.path))
        self.folder, self.heard = runs_dir / FOLDER, []

    def train(self, genome, *, stop_after=None, **recipe):
        def hear(epoch, spent_s, score):
            self.heard.append(epoch)
            if epoch == stop_after:
                raise Stopped

        config = replace(self.config, recipe=replace(self.config.recipe, **recipe))
        backend = self.executor.open(config, self.dataset, self.network, on_epoch=hear)
        return replace(backend.evaluate.search(genome, seed=1), train_s=0)


@pytest.fixture
def cut(quick, executor, tmp_path):
    return Cut(quick, executor, tmp_path / "pieces")


@pytest.fixture
def uncut(quick, executor, tmp_path):
    return Cut(quick, executor, tmp_path / "whole")


@pytest.mark.parametrize("keep_best", [False, True])
def test_a_training_that_was_stopped_goes_on_with_the_next_epoch(cut, uncut, keep_best):
    whole = uncut.train(cut.network, keep_best=keep_best)
    with pytest.raises(Stopped):
        cut.train(cut.network, stop_after=3, keep_best=keep_best)  # saved after two
    assert [p.suffix for p in sorted(cut.folder.iterdir())] == [".lock", ".npz"]
    assert cut.train(cut.network, keep_best=keep_best) == whole
    assert cut.heard == [1, 2, 3, 3, 4]
    assert [p.suffix for p in cut.folder.iterdir()] == [".json"]


GROWS = """
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.steps == 3:
            self.register_buffer("late", torch.zeros(3))
"""


def test_what_cannot_be_restored_is_begun_anew_and_not_held_against_it(cut, uncut):
    """A buffer that appears in training: the saved state does not fit a new network."""
    network = cut.network
    body = network["Net"].replace("\n    def forward(self, x):\n", GROWS, 1)
    genome = network.replace("Net", body)
    whole = uncut.train(genome)
    assert isinstance(whole, Evaluation)
    with pytest.raises(Stopped):
        cut.train(genome, stop_after=4)
    assert cut.train(genome) == whole
    assert cut.heard == [1, 2, 3, 4, 1, 2, 3, 4]


def test_a_state_that_is_too_large_is_not_saved_and_not_held_against_it(cut, monkeypatch):
    monkeypatch.setattr("harness.evaluation.training_job.MAX_STATE_BYTES", 100)
    assert isinstance(cut.train(cut.network), Evaluation)
    with pytest.raises(Stopped):
        cut.train(cut.network, stop_after=3, lr=0.05)
    assert not list(cut.folder.glob("*.npz"))
    assert isinstance(cut.train(cut.network, lr=0.05), Evaluation)


def test_a_refusal_before_it_goes_on_is_told_as_what_it_is(backend, network, config):
    """It comes while the harness is about to hand over what the training would go on from."""
    broken = network.replace("get_optimizer", "def get_optimizer(*_):\n    raise MemoryError\n")
    job = train_job(broken, backend.evaluate._signature, config.recipe, seed=1, resumes=True)
    with (
        pytest.raises(JobFailed) as refused,
        backend.evaluate._sandbox.run(job, time_limit_s=30) as session,
    ):
        RemoteTraining(session, config.recipe, epoch=0).restore(np.zeros(10**7, "u1"))
    assert refused.value.kind == "memory"


def test_the_time_limit_counts_all_pieces(cut, monkeypatch):
    with pytest.raises(Stopped):
        cut.train(cut.network, stop_after=3)
    (saved,) = cut.folder.glob("*.npz")
    with np.load(saved) as held:
        arrays = [held[f"arr_{i}"] for i in range(len(held.files))]
    arrays[0][1] = cut.config.limits.train_s - 0.001
    np.savez(saved, *arrays)
    outcome = cut.train(cut.network)
    assert outcome.kind == "timeout"
    assert outcome.reason == f"took longer than {cut.config.limits.train_s:g} s"
    assert not list(cut.folder.glob("*.json"))


@pytest.mark.parametrize(("kind", "gate"), [("memory", "audit"), ("audit", None)])
def test_an_epoch_that_cannot_be_believed_is_passed_over_but_no_limit_of_the_machine(
    cut, monkeypatch, kind, gate
):
    """Of four epochs the second is refused: its network is not kept, the others may be."""
    asked, scores = [], Scorer.__call__

    def scored(self, offer, outline, splits):
        asked.append(1)
        if len(asked) == 2:
            raise JobFailed("audit", kind, "refused")
        return scores(self, offer, outline, splits)

    monkeypatch.setattr(Scorer, "__call__", scored)
    outcome = cut.train(cut.network, keep_best=True)
    assert getattr(outcome, "gate", None) == gate
    assert len(asked) == (5 if gate is None else 2)


def test_another_level_or_limit_is_another_training(cut):
    first = cut.train(cut.network)
    for settings in (
        {"limits": replace(cut.config.limits, train_s=50)},
        {"sandbox": replace(cut.config.sandbox, level="limits")},
    ):
        n = len(list(cut.folder.glob("*.json")))
        config = replace(cut.config, **settings)
        most = "limits" if "sandbox" in settings else "isolated"
        with open_backend(
            config, cut.dataset, cut.network, confinement=most, cache=True
        ) as backend:
            assert replace(backend.evaluate.search(cut.network, seed=1), train_s=0) == first
        assert len(list(cut.folder.glob("*.json"))) == n + 1


def test_a_killed_run_ends_as_one_that_was_not(quick, tmp_path, executor):
    settings = [
        *quick, "+ablation=random_mutation", "compare=[]", "recipe.epochs=12", "save_every_s=0",
        "budget.evaluations=1", "sizes.founders=1",
    ]  # fmt: skip
    (whole,) = complete_folders([compose([*settings, f"runs_dir={tmp_path / 'whole'}"])], executor)
    command = [sys.executable, "-m", "harness", *settings, f"runs_dir={tmp_path / 'pieces'}"]
    begun = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not list((tmp_path / "pieces" / FOLDER).glob("*.npz")):
        assert begun.poll() is None
        time.sleep(0.001)
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (pieces,) = find_runs(tmp_path / "pieces")
    assert told(whole) == told(pieces)
