"""``nox -s gpu`` works in pieces; here it runs dry, so that its first hour on a GPU is not its first."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.gpu import pieces
from bench.gpu.pieces import DONE, FAILED, NOT_BEGUN, UNDER_WAY, Outcome, Record, Step, do_piece
from bench.gpu.screen import last_line, section
from bench.gpu.sizes import thinned
from bench.gpu.steps import read_bench, read_tests, reopened
from bench.gpu.training import InOneFolder, Limits, Paused, Trainer, _forget_networks
from harness.config.compose import compose
from harness.config.strategies import build
from harness.errors import RecordError
from harness.evaluation.checkpoint import CheckpointFile
from tests.conftest import ROOT, children_of


def step(name, script, *, guess_s=1.0, **more):
    """A step of a shell: what it prints is told, its status decides."""

    def read(finished):
        status = {0: DONE, 3: UNDER_WAY}.get(finished.status, FAILED)
        return Outcome(status=status, told=finished.output.strip(), figures={"file": script})

    return Step(
        name=name, guess_s=guess_s, command=lambda file, _: ["sh", "-c", script, file],
        read=read, **more,
    )  # fmt: skip


def piece(steps, folder, *, seconds=60.0):
    """Do one piece as a new command would; return the record and the names that were begun."""
    record, begun = Record(folder), []
    do_piece(steps, record, seconds=seconds, where={"commit": "c"}, say=begun.append)
    return record, [line.removesuffix(" ...") for line in begun]


def test_each_piece_goes_on_where_the_one_before_stopped(tmp_path):
    steps = [step("a", "echo one"), step("b", "echo two", guess_s=90), step("c", "echo three")]
    record, begun = piece(steps, tmp_path / "here")
    assert begun == ["a", "c"]  # b does not fit into what is left
    assert record.of(steps[1]).status == NOT_BEGUN
    assert last_line(steps, record).startswith(
        "Run the same command again, about 2 minutes are left"
    )
    shutil.copytree(tmp_path / "here", tmp_path / "on another machine")
    record, begun = piece(steps, tmp_path / "on another machine")
    assert begun == ["b"]  # the first one begins in any case
    assert [record.of(one).told for one in steps] == ["one", "two", "three"]
    assert record.of(steps[0]).where == {"commit": "c"}
    assert record.pieces == 2
    assert last_line(steps, record) == "All is done."


def test_what_failed_is_told_and_done_again_when_asked_for(tmp_path):
    flag = tmp_path / "repaired"
    steps = [step("a", f"test -e {flag} && echo well"), step("b", "echo two")]
    record, begun = piece(steps, tmp_path / "kept")
    assert begun == ["a", "b"]
    assert record.of(steps[0]).status == FAILED
    assert "Failed: a; --again" in last_line(steps, record)
    _, begun = piece(steps, tmp_path / "kept")
    assert begun == []
    flag.touch()
    Record(tmp_path / "kept").forget(FAILED)
    record, begun = piece(steps, tmp_path / "kept")
    assert begun == ["a"]
    assert last_line(steps, record) == "All is done."


def test_a_step_that_can_be_interrupted_goes_on_with_little_time_and_keeps_its_seconds(tmp_path):
    steps = [step("long", "sleep 0.1; exit 3", guess_s=3600, least_s=1), step("short", "echo two")]
    for n in (1, 2):
        record, begun = piece(steps[::-1], tmp_path)
        assert "long" in begun
        assert record.of(steps[0]).status == UNDER_WAY
        assert record.of(steps[0]).seconds >= n * 0.1


def test_a_step_that_takes_too_long_is_ended_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "_GRACE_S", 2)
    marker = tmp_path / "alive"
    script = f"(while sleep 0.1; do touch {marker}; done) & wait"
    steps = [step("quick", "sleep 1"), step("slow", script, guess_s=0.1)]
    record, begun = piece(steps, tmp_path / "kept", seconds=4)
    assert begun == ["quick", "slow"]
    assert record.of(steps[1]).status == UNDER_WAY  # most of the piece was another step's
    assert "cut off" in record.of(steps[1]).told
    assert marker.exists()
    marker.unlink()
    time.sleep(0.5)
    assert not marker.exists()
    record, _ = piece(steps, tmp_path / "kept", seconds=2)
    assert record.of(steps[1]).status == FAILED
    assert "not done in" in record.of(steps[1]).told


def test_a_step_that_was_cut_off_begins_again_with_a_whole_piece_and_keeps_what_was_known(tmp_path):
    flag = tmp_path / "begun"
    script = f"test -e {flag} && sleep 60; touch {flag}; exit 3"
    long = step("long", script, guess_s=3600, least_s=0.1)
    steps, kept = [step("a", "true"), long], tmp_path / "kept"
    piece(steps, kept)
    record, _ = piece([step("b", "sleep 1"), long], kept, seconds=2.5)
    assert "cut off" in record.of(long).told
    assert record.of(long).figures == {"file": script}
    _, begun = piece([step("c", "true"), long], kept, seconds=2.5)
    assert begun == ["c"]
    flag.unlink()
    record, begun = piece([long], kept)
    assert begun == ["long"]
    assert record.of(long).least_s is None


def test_a_command_that_is_killed_loses_the_running_step_alone(tmp_path):
    steps = [step("a", "echo one"), step("b", "echo two")]

    def killed(line):
        if line.startswith("b"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do_piece(steps, Record(tmp_path), seconds=60, where={}, say=killed)
    _, begun = piece(steps, tmp_path)
    assert begun == ["b"]


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "state.json").write_text('{"pieces": 1, "steps": {"a": {"status": 7, "x": 1}}}')
    with pytest.raises(RecordError, match=r"state\.json: expected what became of each step"):
        Record(tmp_path)


def test_a_step_without_figures_tells_what_it_printed_last(tmp_path):
    finished = pieces.Finished(
        1, "a\n\nb\nSKIPPED: needs a CUDA GPU\n1 skipped\n", tmp_path / "none"
    )
    told = "ended with status 1: b / SKIPPED: needs a CUDA GPU / 1 skipped"
    assert read_bench(finished) == Outcome(status=FAILED, told=told)
    assert read_tests(finished, may_skip=True).told == told


def test_tests_that_were_skipped_on_a_gpu_are_no_success(tmp_path):
    file = tmp_path / "tests.xml"
    file.write_text("<a><testcase name='x'/><testcase name='y'><skipped/></testcase></a>")
    finished = pieces.Finished(0, "", file)
    assert read_tests(finished, may_skip=True).status == DONE
    assert read_tests(finished, may_skip=False).status == FAILED
    assert read_tests(finished, may_skip=False).told == "1 passed, 1 skipped"


@pytest.mark.parametrize(
    ("minutes", "ended", "status"), [(18, False, DONE), (60, False, UNDER_WAY), (60, True, DONE)]
)
def test_a_training_goes_on_where_it_is_given_more_time(minutes, ended, status):
    figures = {"recipe ended": ended, "pieces": [{"train_s": 18 * 60 + 3.0}]}
    found = reopened(Outcome(status=DONE, told="t", figures=figures), minutes)
    assert found.status == status
    assert found.figures == figures
    begun = Outcome(status=NOT_BEGUN, told="")
    assert reopened(begun, minutes) == begun


def test_a_thinned_split_has_all_classes(digits):
    few = thinned(digits, 30, 20, None)
    assert [len(part) for part in (few.train, few.validation)] == [30, 20]
    assert len(few.test) == len(digits.test)
    assert len(set(few.train.labels.tolist())) >= 5


@pytest.mark.slow
def test_a_training_in_pieces_gives_the_weights_of_one_in_one_piece(tiny, network, tmp_path):
    config = compose([
        *tiny, "recipe=ge2024", "recipe.size_px=32", "recipe.shift_px=1.6", "recipe.epochs=4",
        "recipe.batch_size=16", "device=cpu", "sandbox.level=limits",
    ])  # fmt: skip
    dataset = build(config.task).load()
    weights, n_pieces = {}, {}
    for name, until in (("whole", np.inf), ("pieces", 0.0)):
        limits = Limits(until=until, most_s=np.inf)
        one = InOneFolder(tmp_path / name, limits)
        with closing(Trainer(one, "isolated")) as executor:
            backend = executor.open(config, dataset, network)
            while True:
                n_pieces[name] = n_pieces.get(name, 0) + 1
                with pytest.raises(Paused):
                    backend.evaluate.search(network, seed=1)
                file = CheckpointFile(one.checkpoint, every_s=0)
                checkpoint = file.load()
                offered = list(file.offers)  # none where the last epoch ended the piece before
                if offered:
                    weights[name] = offered[-1].payload.tobytes()
                if checkpoint.ended:
                    break
                _forget_networks(one.checkpoint, checkpoint)
                assert not list(file.offers)
        assert checkpoint.epoch == 4
    assert weights["whole"] == weights["pieces"]
    assert n_pieces["whole"] == 1
    assert n_pieces["pieces"] >= 4


def eventually(look):
    for _ in range(600):
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(look)


def gpu(*arguments, **more):
    command = [sys.executable, "-m", "bench.gpu", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=1200, **more
    )


@pytest.fixture(scope="module")
def images(tiny):
    return next(s for s in tiny if s.startswith("task.path=")).removeprefix("task.path=")


@pytest.mark.bench
@pytest.mark.timeout(2400)
def test_it_runs_dry_in_pieces(images, tmp_path):
    kept, moved, dry = tmp_path / "kept", tmp_path / "moved", ("--images", images, "--dry-run")
    first = gpu(*dry, "--folder", kept, "--minutes", 0.75)
    assert first.returncode in {0, 1}, first.stderr  # a slow machine may do no step in this time
    assert re.search(r"Run the same command again, about \d+ minutes? (is|are) left", first.stdout)
    shutil.copytree(kept, moved)
    for _ in range(9):
        later = gpu(*dry, "--folder", moved, "--minutes", 5, "--again")
        assert later.returncode == 0, later.stdout + later.stderr
        if later.stdout.rstrip().endswith("All is done."):
            break
    else:
        pytest.fail(later.stdout)
    content = json.loads((moved / "results-dry-run.json").read_text())
    assert content["dry_run"] is True
    assert content["machine"]["torch"] == torch.__version__
    assert content["pieces"] >= 2
    steps = content["steps"]
    assert {name: one["status"] for name, one in steps.items()} == dict.fromkeys(
        ("doctor", "GPU tests", "CUDA context", "published recipe", "published way",
         "side by side", "determinism", "seed network"), DONE,
    )  # fmt: skip
    assert all(one["where"]["commit"] and one["seconds"] > 0 for one in steps.values())
    assert steps["doctor"]["figures"]["device"] == "cpu"
    assert steps["doctor"]["figures"]["succeeded"] == []
    assert steps["doctor"]["figures"]["attacks"] > 40
    assert list(steps["GPU tests"]["figures"].values()).count("passed") == 2
    assert steps["published recipe"]["figures"]["in the worker, images/s"] > 0
    assert "ours / published way, median of pairs" in steps["published way"]["figures"]
    assert steps["side by side"]["figures"]["2 at once, images/s together"] > 0
    assert steps["determinism"]["figures"]["same weights twice with deterministic=true"] == "yes"
    training = steps["seed network"]["figures"]
    assert training["published"] == 0.9252
    assert training["recipe"]["schedule"] == "plateau"
    assert training["recipe ended"] is True
    assert training["pieces"][-1]["epoch"] == 4
    epochs = [p["epoch"] for p in training["pieces"]]
    assert epochs == sorted(set(epochs))
    assert all(p["where"]["torch"] == torch.__version__ for p in training["pieces"])
    assert all(0 <= p["test"] <= 1 and p["validation"] for p in training["pieces"])
    told = "\n".join(section(content))
    assert "after 4 epochs" in told
    assert "| seed network |" in told


@pytest.mark.slow
def test_a_piece_that_is_stopped_goes_on_and_leaves_no_process(images, tmp_path):
    command = [
        sys.executable,
        "-m",
        "bench.gpu",
        "--images",
        images,
        "--dry-run",
        "--folder",
        tmp_path,
    ]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "doctor ...\n"
    (doctor,) = eventually(lambda: children_of(child.pid))
    eventually(lambda: b"harness.doctor" in Path(f"/proc/{doctor}/cmdline").read_bytes())
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert not Path(f"/proc/{doctor}").exists()
    assert Record(tmp_path).of(step("doctor", "")).status == NOT_BEGUN


@pytest.mark.slow
def test_what_it_cannot_work_with_is_told(images, tmp_path):
    missing = gpu("--images", tmp_path / "none")
    assert missing.returncode == 2
    assert "--images: expected a folder, found none" in missing.stderr
    if not torch.cuda.is_available():
        no_gpu = gpu("--images", images)
        assert no_gpu.returncode == 2
        assert "expected a CUDA GPU" in no_gpu.stderr
        assert "--dry-run" in no_gpu.stderr
    short = gpu("--images", images, "--dry-run", "--minutes", 0.01, "--folder", tmp_path)
    assert short.returncode == 2
    assert "--minutes: expected" in short.stderr
