"""harness.ls: runs with their state, and what may be removed."""

import os
import re
import subprocess
import sys

import pytest

from harness.record.events import NetworkTrained
from harness.record.failure import failure_kept
from harness.record.journal import Journal
from harness.runs.sweeps.inventory import inventory
from harness.runs.sweeps.progress import count_evaluations
from tests.conftest import ROOT
from tests.support.commands import run_main
from tests.support.records import evaluated, record_run


@pytest.fixture
def runs_dir(tmp_path):
    """Runs in every state, with what lies next to them."""
    for name in ("complete", "interrupted", "failed"):
        record_run(
            tmp_path / f"{name}-s0-0123456789ab", arm="full", seed=3, evaluations=4,
            children=[("g0.c0", evaluated(0.9, 5)), ("g0.c1", evaluated(0.8, 5))],
            complete=name == "complete",
        )  # fmt: skip
    with pytest.raises(ValueError, match="no"), failure_kept(tmp_path / "failed-s0-0123456789ab"):
        raise ValueError("no answer")
    broken = tmp_path / "broken-s0-0123456789ab"
    broken.mkdir()
    (broken / "journal.sqlite").write_text("no journal")
    for other in ("comparison-0123abcd", ".trainings", ".hydra", "exchange", "mine"):
        (tmp_path / other).mkdir()
        (tmp_path / other / "file").write_text("x" * 5000)
    return tmp_path


def states(runs_dir):
    return {one.name.partition("-")[0]: one.state for one in inventory(runs_dir) if one.is_run}


def ls(*command):
    return run_main(*command, module="harness.ls")


def test_trainings_of_one_network_with_many_seeds_are_as_many_evaluations():
    keys = [NetworkTrained.key_of("search", "n", seed) for seed in range(4)]
    others = [NetworkTrained.key_of(*place) for place in (("search-2", "n", 1), ("final", "n", 9))]
    assert count_evaluations([*keys, *others]) == 3


def test_each_run_has_its_state(runs_dir):
    (folder,) = runs_dir.glob("interrupted-*")
    assert states(runs_dir) == {
        "broken": "damaged", "complete": "complete", "failed": "failed",
        "interrupted": "interrupted",
    }  # fmt: skip
    with Journal(folder, wait_s=0):
        assert states(runs_dir)["interrupted"] == "in progress"
        shown = ls(runs_dir).stdout
    assert f"{folder.name}, in progress: process {os.getpid()} on " in shown
    assert "failed-s0-0123456789ab, failed: ValueError('no answer')" in shown
    assert re.search(r"│ complete-s0-0123456789ab +│ +full │ +3 │ +complete │ +2 of 4 │", shown), (
        shown
    )
    for other in ("comparison-0123abcd, 8.0 KiB: tables", ".trainings, 8.0 KiB: cache", ".hydra, "):
        assert other in shown
    assert "exchange" not in shown, "answers of people are never offered for removal"


def test_what_is_named_is_removed_and_nothing_else(runs_dir):
    left = {path.name for path in runs_dir.iterdir()}
    gone = {"failed-s0-0123456789ab", "broken-s0-0123456789ab", "comparison-0123abcd", ".trainings"}
    done = ls(runs_dir, "--remove", *gone, "--yes")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"removed: 4 folders, [\d.]+ KiB\n", done.stdout)
    assert {path.name for path in runs_dir.iterdir()} == left - gone


def test_a_run_in_progress_is_never_removed_nor_a_cache_that_it_may_use(runs_dir):
    (folder,) = runs_dir.glob("interrupted-*")
    before = sorted(runs_dir.rglob("*"))
    with Journal(folder, wait_s=0):
        for names in ([folder.name], ["failed-s0-0123456789ab", folder.name], [".trainings"]):
            done = ls(runs_dir, "--remove", *names, "--yes")
            assert done.returncode == 2
            assert f"process {os.getpid()} on" in done.stderr
            assert set(before) <= set(runs_dir.rglob("*"))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["interupted-s0-0123456789ab"], "Did you mean interrupted-s0-0123456789ab?"),
        (["mine"], "found mine"), (["../elsewhere"], "found ../elsewhere"), (["/etc"], "found /etc"),
        (["."], "found ."), ([""], "found ."),
    ],
)  # fmt: skip
def test_only_what_is_listed_can_be_removed(runs_dir, names, told):
    before = set(runs_dir.rglob("*"))
    done = ls(runs_dir, "--remove", *names, "--yes")
    assert done.returncode == 2
    assert told in done.stderr
    assert before <= set(runs_dir.rglob("*"))


def test_a_link_is_neither_listed_nor_followed(runs_dir, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").write_text("mine")
    (runs_dir / "comparison-link").symlink_to(elsewhere)
    (runs_dir / "comparison-0123abcd" / "link").symlink_to(elsewhere)
    assert "comparison-link" not in {one.name for one in inventory(runs_dir)}
    assert ls(runs_dir, "--remove", "comparison-0123abcd", "--yes").returncode == 0
    assert (elsewhere / "file").exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_it_asks(runs_dir, answer):
    command = [sys.executable, "-m", "harness.ls", runs_dir, "--remove", "comparison-0123abcd"]
    refused = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, cwd=ROOT
    )
    assert refused.returncode == 2
    assert "expected --yes" in refused.stderr
    near, far = os.openpty()
    os.write(near, f"{answer}\n".encode())
    done = subprocess.run(command, capture_output=True, text=True, stdin=far, check=False, cwd=ROOT)
    os.close(near)
    os.close(far)
    assert done.returncode == 0, done.stderr
    assert "Remove 1 folder, 8.0 KiB? [y/N]" in done.stdout
    assert (runs_dir / "comparison-0123abcd").exists() == (answer == "n")


def test_a_refused_name_comes_with_its_option_and_the_names_that_there_are(runs_dir, tmp_path):
    done = ls(runs_dir, "--remove", "mine")
    assert done.stderr.startswith("error: --remove: expected the name of a listed folder")
    named, more = re.search(r"Listed: (.*) and (\d) more\.", done.stderr).groups()
    listed = [one.name for one in inventory(runs_dir)]
    assert named.split(", ") == listed[:3]
    assert int(more) == len(listed) - 3
    (tmp_path / "empty").mkdir()
    assert "Listed: none." in ls(tmp_path / "empty", "--remove", "mine").stderr


def test_a_folder_that_is_not_there(tmp_path):
    done = ls(tmp_path / "no")
    assert done.returncode == 2
    assert "expected a folder with runs, found none" in done.stderr
