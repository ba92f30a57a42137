"""No network is trained twice: outcomes are kept by all that decides them."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from harness.config.compose import compose
from harness.config.paths import PACKAGE
from harness.config.strategies import build
from harness.errors import RecordError
from harness.evaluation.cache import FOLDER, TrainingCache, _sources, code_digest
from harness.evaluation.checkpoint import Checkpoint
from harness.evaluation.scoring import Offer
from harness.evolution.candidate import Evaluation, Rejection
from harness.record.journal import read_events
from tests.conftest import told
from tests.support.backends import complete_folders
from tests.support.modules import MODULES, ours

FATE = Evaluation(score=0.5, n_params=7, train_s=1.5)


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
    kept = Checkpoint(epoch=4, state=np.arange(9, dtype="u1"), spent_s=12.5)
    offers = [
        Offer(np.arange(n, dtype="u1"), np.ones(2, "u1"), np.zeros((3, 2), "f4")) for n in (5, 0, 7)
    ]

    def interrupted(place):
        assert place.load() is None
        place.offers.add(offers[0])
        place.save(replace(kept, spent_s=1.0))
        place.offers.add(offers[1])
        place.save(kept)
        place.offers.add(offers[2])
        raise KeyboardInterrupt

    def goes_on(place):
        found = place.load()
        assert (found.epoch, found.spent_s, found.ended) == (4, 12.5, False)
        assert np.array_equal(found.state, kept.state)
        for offer, expected in zip(place.offers, offers[:2], strict=True):
            for array, one in zip(offer, expected, strict=True):
                assert array.dtype == one.dtype
                assert np.array_equal(array, one)
        return FATE

    with pytest.raises(KeyboardInterrupt):
        trainings.once({"n": 1}, interrupted)
    assert trainings.once({"n": 1}, goes_on) == FATE
    assert [p.suffix for p in (tmp_path / "made").iterdir()] == [".json"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("reporting/tables.py", False), ("analysis/statistics/paired.py", False), ("llm/guided.py", False),
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
