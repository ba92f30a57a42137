"""No network is trained twice: outcomes are kept by all that decides them."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from harness.config.compose import compose
from harness.config.strategies import build
from harness.errors import RecordError
from harness.evaluation.cache import FOLDER, TrainingCache
from harness.evaluation.checkpoint import Checkpoint, CheckpointFile
from harness.evaluation.scoring import Offer
from harness.evolution.candidate import Evaluation, Rejection
from harness.files import creation_lock
from harness.record.journal import read_events
from tests.conftest import told
from tests.support.backends import complete_folders
from tests.support.fuzzing import mutated

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
    outline = np.arange(6, dtype="u1")
    kept = Checkpoint(epoch=4, state=np.arange(9, dtype="u1"), spent_s=12.5, outline=outline)
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
        assert np.array_equal(found.outline, outline)
        for offer, expected in zip(place.offers, offers[:2], strict=True):
            for array, one in zip(offer, expected, strict=True):
                assert array.dtype == one.dtype
                assert np.array_equal(array, one)
        return FATE

    with pytest.raises(KeyboardInterrupt):
        trainings.once({"n": 1}, interrupted)
    assert trainings.once({"n": 1}, goes_on) == FATE
    assert [p.suffix for p in (tmp_path / "made").iterdir()] == [".json"]


def interrupted(place):
    place.start_over(np.zeros(3, "u1"))
    place.offers.add(Offer(np.ones(2, "u1"), np.ones(2, "u1"), np.zeros((3, 2), "f4")))
    raise KeyboardInterrupt


def test_what_other_code_left_unfinished_is_removed_unless_it_goes_on_now(tmp_path):
    """Its key has the digest of its code, so that this code never finds it."""
    for n in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            TrainingCache(tmp_path).once({"n": n, "code": "before"}, interrupted)
    left = sorted(p.name.split(".")[0] for p in tmp_path.glob("*.npz"))
    with pytest.raises(KeyboardInterrupt):
        TrainingCache(tmp_path).once({"n": 3, "code": "after"}, interrupted)
    (own,) = (p.name.split(".")[0] for p in tmp_path.glob("*.npz"))
    assert own not in left
    assert {p.suffix for p in tmp_path.iterdir()} == {".npz", ".offers", ".lock"}
    with creation_lock(tmp_path / f"{own}.json"):
        TrainingCache(tmp_path).once({"n": 4, "code": "later"}, lambda _: FATE)
        assert {p.name.split(".")[0] for p in tmp_path.glob("*.offers")} == {own}
    TrainingCache(tmp_path).once({"n": 5, "code": "later"}, lambda _: FATE)
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".lock"}


def test_a_damaged_checkpoint_is_told_in_a_sentence(tmp_path):
    """Bytes changed at random, and arrays of other shapes and types."""
    file, random = tmp_path / "t.npz", np.random.default_rng(7)
    place = CheckpointFile(file, every_s=0)
    place.start_over(np.arange(9, dtype="u1"))
    sound = file.read_bytes()

    def told():
        try:
            CheckpointFile(file, every_s=0).load()
        except RecordError as error:
            return str(error)
        return "Remove it"

    for _ in range(300):
        file.write_bytes(mutated(sound, random))
        assert "Remove it" in told()
    numbers = np.zeros(4)
    for arrays in ([np.array(3.0)] * 3, [numbers, numbers], [numbers[:3], numbers, numbers],
                   [numbers + np.inf, numbers, numbers], [np.array(["a"] * 4), numbers, numbers]):  # fmt: skip
        np.savez(file, *arrays)
        assert "Remove it" in told()
    place.clear()


def test_identical_networks_train_once_across_runs_arms_and_formatting(quick, tmp_path, executor):
    """Two runs in one folder: the second finds what the first trained, and records it as its own."""
    settings = [*quick, "+ablation=random_mutation", "compare=[]", f"runs_dir={tmp_path}"]
    (first,) = complete_folders([compose(settings)], executor)
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / FOLDER).iterdir()}
    assert len(made) >= 3  # the seed network and what came of it, search and final
    keys = [json.loads(p.read_text())["training"] for p in made if p.suffix == ".json"]
    assert {len(key[name]) for key in keys for name in ("genome", "data")} == {64}
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
    assert json.loads(path.read_text())["training"]["genome"] == network.sha256
    evaluate.search(network, seed=2)
    evaluate.search(network, seed=1, epochs=2)
    assert len(list((tmp_path / FOLDER).glob("*.json"))) == 3
