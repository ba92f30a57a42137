"""A training that is cut into pieces ends as one that is not."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.config.compose import compose
from harness.config.strategies import build
from harness.errors import RecordError
from harness.evaluation.cache import FOLDER
from harness.evaluation.checkpoint import CheckpointFile
from harness.evaluation.scoring import Scorer
from harness.evaluation.training_job import RemoteTraining
from harness.evolution.candidate import Evaluation
from harness.evolution.genome import read_network
from harness.record.journal import find_runs
from harness.sandbox.job import JobFailed
from harness.sandbox.sandbox import Sandbox
from tests.conftest import children_of_worker, told
from tests.support.backends import complete_folders, open_backend
from tests.support.jobs import train_job


class Stopped(BaseException):
    """Stands for whatever ends a process."""


class Cut:
    """Trains a genome in pieces: stops after an epoch, resumes in another backend."""

    def __init__(self, quick, executor, runs_dir):
        settings = [*quick, "recipe.epochs=4", "save_every_s=0", f"runs_dir={runs_dir}"]
        self.config = compose(settings)
        self.executor = executor
        self.dataset = build(self.config.task).load()
        self.network = read_network(Path(self.config.network.path))
        self.folder, self.heard, self.spent = runs_dir / FOLDER, [], []

    def train(self, genome, *, stop_after=None, **recipe):
        def hear(epoch, spent_s, score):
            if score is not None:
                return
            self.heard.append(epoch)
            self.spent.append(spent_s)
            if epoch == stop_after:
                raise Stopped

        config = replace(self.config, recipe=replace(self.config.recipe, **recipe))
        backend = self.executor.open(config, self.dataset, self.network, on_epoch=hear)
        return replace(backend.evaluate.search(genome, seed=1), train_s=0)

    def set_spent(self, seconds):
        """State another time in the checkpoint."""
        (saved,) = self.folder.glob("*.npz")
        with np.load(saved) as held:
            arrays = [held[f"arr_{i}"] for i in range(len(held.files))]
        arrays[0][1] = seconds
        np.savez(saved, *arrays)


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
    assert sorted(p.suffix for p in cut.folder.iterdir()) == [".lock", ".npz", ".offers"]
    assert cut.train(cut.network, keep_best=keep_best) == whole
    assert cut.heard == [1, 2, 3, 3, 4]
    assert [p.suffix for p in cut.folder.iterdir()] == [".json"]


def test_no_process_runs_a_candidate_whose_training_has_ended(cut, monkeypatch):
    """An outline is made before training; a command that goes on with audits makes no other."""
    jobs, run, score = [], Sandbox.run, Scorer.__call__

    def observed(sandbox, job, **limits):
        jobs.append(job.name)
        return run(sandbox, job, **limits)

    def once(scorer, *given, **more):
        score(scorer, *given, **more)
        raise Stopped

    monkeypatch.setattr(Sandbox, "run", observed)
    monkeypatch.setattr(Scorer, "__call__", once)
    with pytest.raises(Stopped):
        cut.train(cut.network, keep_best=True)
    monkeypatch.setattr(Scorer, "__call__", score)
    assert jobs[:3] == ["outline", "train", "audit"]
    jobs.clear()
    assert isinstance(cut.train(cut.network, keep_best=True), Evaluation)
    assert set(jobs) == {"audit"}


def test_a_training_that_goes_on_has_the_outline_from_before_it(cut, monkeypatch):
    jobs, run = [], Sandbox.run

    def observed(sandbox, job, **limits):
        jobs.append(job.name)
        return run(sandbox, job, **limits)

    monkeypatch.setattr(Sandbox, "run", observed)
    with pytest.raises(Stopped):
        cut.train(cut.network, stop_after=3)
    cut.train(cut.network)
    assert jobs == ["outline", "train", "train", "audit"]


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


@pytest.mark.parametrize("again", [False, True])
def test_a_training_that_starts_over_keeps_the_time_that_it_spent(cut, again):
    """Else a candidate trains longer by a state that cannot be restored."""
    body = cut.network["Net"].replace("\n    def forward(self, x):\n", GROWS, 1)
    genome = cut.network.replace("Net", body)
    with pytest.raises(Stopped):
        cut.train(genome, stop_after=4)
    cut.set_spent(30.0)
    cut.spent.clear()
    if again:
        with pytest.raises(Stopped):
            cut.train(genome, stop_after=1)
    assert isinstance(cut.train(genome), Evaluation)
    assert min(cut.spent) > 30


def test_a_state_that_is_too_large_is_not_saved_and_not_held_against_it(cut, monkeypatch):
    monkeypatch.setattr("harness.evaluation.training_job.MAX_STATE_BYTES", 100)
    assert isinstance(cut.train(cut.network), Evaluation)
    with pytest.raises(Stopped):
        cut.train(cut.network, stop_after=3, lr=0.05)
    (saved,) = cut.folder.glob("*.npz")
    begun = CheckpointFile(saved, every_s=0).load()
    assert (begun.epoch, begun.state.size) == (0, 0)
    assert isinstance(cut.train(cut.network, lr=0.05), Evaluation)


def test_a_state_larger_than_was_asked_for_breaks_the_protocol(cut, monkeypatch):
    monkeypatch.setattr("harness.evaluation.training_job.MAX_STATE_BYTES", 100)
    forged = (
        'jobs = torch.sys.modules["harness.worker.jobs"]\n'
        'jobs._state_of = lambda *_: jobs.np.zeros(101, "u1")\n'
    )
    outcome = cut.train(cut.network.replace("Net", forged + cut.network["Net"]))
    assert outcome.kind == "protocol"
    assert "expected a state of at most 100 bytes" in outcome.reason


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
    cut.set_spent(cut.config.limits.train_s - 0.001)
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

    def scored(*arguments, **settings):
        asked.append(1)
        if len(asked) == 2:
            raise JobFailed("audit", kind, "refused")
        return scores(*arguments, **settings)

    monkeypatch.setattr(Scorer, "__call__", scored)
    outcome = cut.train(cut.network, keep_best=True)
    assert getattr(outcome, "gate", None) == gate
    assert len(asked) == (5 if gate is None else 2)


def test_no_process_runs_the_candidate_once_a_network_is_audited(cut, uncut, monkeypatch):
    """Else it learns how long its networks take on the inputs to be scored, and which is better."""
    whole = uncut.train(cut.network, keep_best=True)
    scores, spent, stops = Scorer.__call__, [], [2]

    def scored(self, *arguments, spent_s=0.0):
        assert children_of_worker(self._sandbox) == []
        spent.append(spent_s)
        if len(spent) in stops:
            raise KeyboardInterrupt
        return scores(self, *arguments, spent_s=spent_s)

    monkeypatch.setattr(Scorer, "__call__", scored)
    with pytest.raises(KeyboardInterrupt):
        cut.train(cut.network, keep_best=True)
    assert cut.train(cut.network, keep_best=True) == whole
    assert cut.heard == [1, 2, 3, 4]
    assert len(spent) == 2 + 4 + 1
    assert 0 < spent[3] < spent[4] < spent[5]  # the audits of all epochs have one time limit
    assert spent[6] == 0


def test_a_network_too_large_to_be_kept_for_each_epoch_is_refused(cut, monkeypatch):
    monkeypatch.setattr("harness.evaluation.training_job.MAX_OFFERS_BYTES", 4_000)
    outcome = cut.train(cut.network, keep_best=True)
    assert outcome.kind == "protocol"
    assert "expected a network of at most 1,000 bytes, since recipe.keep_best" in outcome.reason
    assert cut.heard == []


def test_damaged_networks_are_told(cut):
    with pytest.raises(Stopped):
        cut.train(cut.network, stop_after=3, keep_best=True)
    (offers,) = cut.folder.glob("*.offers")
    offers.write_bytes(offers.read_bytes()[:-10_000])
    with pytest.raises(RecordError, match="Remove it; the training starts over"):
        cut.train(cut.network, keep_best=True)


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


@pytest.mark.slow
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
