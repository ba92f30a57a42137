"""The mirror to W&B, for real and offline; and that nothing depends on it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.analysis.comparison import compare
from harness.analysis.loading import read_run, read_runs
from harness.config.compose import compose
from harness.record.events import RunCompleted
from harness.record.journal import Journal
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.figures.catalog import draw
from harness.reporting.tables import write_tables
from harness.reporting.tracking.logged import OWN, SO_FAR, history, summary
from harness.reporting.tracking.naming import id_of_folder
from harness.reporting.tracking.wandb_mirror import mirrored, publish
from tests.conftest import ROOT, told
from tests.support.backends import complete_folders
from tests.support.records import LINT, child, evaluated, record_run
from tests.support.wandb_files import offline_runs

WANDB = {
    "mode": "wandb", "project": "some-project", "entity": None, "finish_s": 240,
    "network": "/some/where/slim.py", "profile": "ge2024", "tags": ["mine"],
}  # fmt: skip
CHILDREN = [("g0.c0", evaluated(0.9, 500)), ("g0.c1", LINT), ("g1.c0", evaluated(0.8, 90))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A complete run, mirrored where links lie in the way of W&B's folders."""
    outer = tmp_path_factory.mktemp("complete")
    record_run(outer / "a", arm="full", seed=0, children=CHILDREN)
    (outer / "elsewhere").mkdir()
    for name in ("wandb", ".wandb"):
        (outer / "a" / name).symlink_to(outer / "elsewhere")
    with mirrored(WANDB, outer / "a"):
        pass
    return outer / "a"


def plain(values):
    """Values as JSON has them."""
    return json.loads(json.dumps(values))


def test_a_run_is_mirrored_with_the_values_of_its_table(folder):
    assert not any((folder.parent / "elsewhere").iterdir())
    (run,) = offline_runs(folder)
    result = read_run(folder)
    assert (run.record.project, run.record.job_type) == ("some-project", "arm")
    assert run.record.run_group.startswith("digits, slim, ge2024 (")
    assert list(run.record.tags) == ["digits", "slim", "ge2024", "mine", "full"]
    assert (run.config["arm"], run.config["seed"]) == ("full", 0)

    own = [{k: v for k, v in row.items() if not k.startswith("_")} for row in run.history[:-1]]
    assert own == plain(list(history(result)))
    assert [row["_step"] for row in run.history] == [1, 2, 3, 4]
    assert run.rows("search/best_validation") == [(1, 0.9), (1, 0.9), (2, 0.9)]
    assert run.rows("search/valid") == [(1, 1.0), (1, 0.5), (2, 2 / 3)]
    assert run.rows("proposal/score") == [(1, 0.9), (2, 0.8)]
    assert run.metrics["search/*"].step_metric == run.metrics["proposal/*"].step_metric
    assert run.metrics["search/*"].step_metric == "evaluations"
    assert run.metrics["proposal/*"].summary.none

    values = plain(summary(result))
    assert {name: run.summary[name] for name in values} == values
    assert run.summary["best_validation"] == 0.9
    assert "proposal/score" not in run.summary
    assert run.exit_code == 0


def test_retrained_networks_are_told_apart_and_the_front_is_an_artifact(folder):
    (run,) = offline_runs(folder)
    result = read_run(folder)
    rows = run.table("retrainings")
    assert {row["network"]: row["role"] for row in rows} == {
        "seed": "seed network", "g0.c0": "selected", "g1.c0": "front",
    }  # fmt: skip
    for step, scores in result.finals.items():
        assert [row["test_score"] for row in rows if row["network"] == step] == list(scores)
    front = run.table("front")
    assert [(r["network"], r["parameters"]) for r in front] == [("g1.c0", 90), ("g0.c0", 500)]
    files = run.files_of("front")
    assert json.loads(files.pop("objectives.json")) == front
    assert files == {f"{c.step}.py": c.source.encode() for c in result.hall_of_fame}


def test_events_that_come_while_it_mirrors_are_mirrored(tmp_path):
    folder = tmp_path / "live"
    record_run(
        folder, arm="full", seed=0, children=[("g0.c0", evaluated(0.9, 500))], complete=False
    )
    with mirrored(WANDB, folder), Journal(folder, wait_s=0) as journal:
        time.sleep(3)
        journal.record(child("g1.c0", evaluated(0.7, 70)))
        journal.record(RunCompleted())
    (run,) = offline_runs(folder)
    assert run.rows("proposal/score") == [(1, 0.9), (2, 0.7)]


KILLED = """
import sys, time
from pathlib import Path
from harness.reporting.tracking.naming import id_of_folder
from harness.reporting.tracking.wandb_mirror import mirrored
with mirrored(eval(sys.argv[1]), Path(sys.argv[2])):
    time.sleep(600)
"""


def test_a_killed_run_goes_on_as_one(tmp_path):
    folder = tmp_path / "killed"
    record_run(folder, arm="full", seed=0, children=CHILDREN[:1], complete=False)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(WANDB), str(folder)], cwd=ROOT)
    while not (begun := list(folder.glob("wandb/offline-run-*"))):
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = begun[0].name.rpartition("-")[2]
    with Journal(folder, wait_s=0) as journal:
        for step, outcome in CHILDREN[1:]:
            journal.record(child(step, outcome))
        journal.record(RunCompleted())
    for _ in range(2):
        with mirrored(WANDB, folder):
            pass
        (run,) = offline_runs(folder)
        assert run.record.run_id == first
        assert [row["proposal/network"] for row in run.history[:-1]] == ["g0.c0", "g0.c1", "g1.c0"]
        assert [row["_step"] for row in run.history] == [1, 2, 3, 4]


def test_rows_that_were_synced_before_a_run_went_on_are_not_written_again(tmp_path):
    """``wandb sync`` marks what it sent, and adds the rows of a later folder to them."""
    folder = tmp_path / "a"
    record_run(folder, arm="full", seed=0, children=CHILDREN[:1], complete=False)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), mirrored(WANDB | {"finish_s": 300}, folder):
        raise KeyboardInterrupt
    assert time.monotonic() - start < 150  # it does not wait for the time limit
    (first,) = offline_runs(folder)
    assert first.exit_code == 1
    assert not (folder / "tracking.done").exists()
    (first.folder / f"run-{first.record.run_id}.wandb.synced").touch()
    with Journal(folder, wait_s=0) as journal:
        for step, outcome in CHILDREN[1:]:
            journal.record(child(step, outcome))
        journal.record(RunCompleted())
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(folder / "wandb" / "data", ignore_errors=True)
    (folder / "wandb" / "data").symlink_to(tmp_path / "elsewhere")
    with mirrored(WANDB, folder):
        pass
    assert not any((tmp_path / "elsewhere").iterdir())
    before, after = offline_runs(folder)
    assert before.record.run_id == after.record.run_id
    assert [row["_step"] for row in (*before.history, *after.history)] == [1, 2, 3, 4]
    assert after.summary["best_validation"] == 0.9


def test_the_same_search_elsewhere_is_another_run_and_another_project_gets_its_own(tmp_path):
    for name, at in (("a", 1.0), ("b", 2.0)):
        record_run(tmp_path / name, arm="full", seed=0, children=CHILDREN, at=at)
    targets = (WANDB, WANDB | {"project": "other"}, WANDB | {"entity": "team"})
    ids = {id_of_folder(target, tmp_path / name) for name in "ab" for target in targets}
    assert len(ids) == 6
    assert id_of_folder(WANDB | {"tags": []}, tmp_path / "a") == id_of_folder(WANDB, tmp_path / "a")


@pytest.fixture
def compared(tmp_path):
    """Folders of two arms at two seeds, and the folder of their comparison."""
    for k, (arm, seed) in enumerate((a, s) for a in ("full", "other") for s in (0, 1)):
        scores = (0.95 + seed / 100, 0.9)
        children = [
            (f"g0.c{i}", evaluated(score, 500 - 90 * i - k)) for i, score in enumerate(scores)
        ]
        record_run(tmp_path / f"{arm}{seed}", arm=arm, seed=seed, children=children, at=float(k))
    folders = [tmp_path / f"{arm}{seed}" for arm in ("full", "other") for seed in (0, 1)]
    comparison, folder = compare(read_runs(folders)), tmp_path / "comparison-1"
    folder.mkdir()
    write_tables(describe_comparison(comparison), folder)
    draw("pareto", comparison, folder)
    return folders, folder


def test_the_comparison_is_published_once_with_numbers_and_figures(compared):
    folders, folder = compared
    for _ in range(2):
        publish(WANDB, folders, folder)
        (run,) = offline_runs(folder)
    assert run.record.job_type == "comparison"
    assert not {"arm", "seed"} & set(run.config)
    assert len(run.config["runs"]) == 4
    told = json.loads((folder / "table.json").read_text())
    for name, table in told["tables"].items():
        assert [row["arm"] for row in run.table(name)] == [row["arm"] for row in table["rows"]]
    found = {row["arm"]: row for row in run.table("found")}
    assert found["full"]["test_score"] == told["tables"]["found"]["rows"][1]["test_score"]
    (image,) = (run.folder / "files").rglob("pareto*.png")
    assert image.read_bytes() == (folder / "pareto.png").read_bytes()
    assert set(run.files_of("comparison")) >= {"table.csv", "table.md", "pareto.png"}

    (folder / "table.json").write_text(json.dumps(told | {"headline": "another"}))
    publish(WANDB, folders, folder)
    (again,) = offline_runs(folder)
    assert again.record.run_id == run.record.run_id
    assert again.summary["headline"] == "another"


def test_a_run_that_was_complete_before_is_mirrored_once(tmp_path, quick, executor):
    settings = [*quick, "+ablation=random_mutation", f"runs_dir={tmp_path}", "budget.evaluations=1"]
    (folder,) = complete_folders([compose(settings)], executor)
    assert not (folder / "wandb").exists()
    for _ in range(2):
        complete_folders([compose([*settings, "tracking=wandb"])], executor)
        (run,) = offline_runs(folder)
    assert run.config["arm"] == "random_mutation"
    assert "own" in run.record.tags
    complete_folders([compose(settings)], executor)  # tracking can be turned off again
    assert len(offline_runs(folder)) == 1


def test_the_documentation_names_what_a_history_has():
    lines = (ROOT / "docs" / "wandb.md").read_text().splitlines()
    cells = {tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines}
    assert {(f"`{one.name}`", one.meaning) for one in (*SO_FAR, *OWN)} <= cells


def test_a_mirror_that_is_killed_when_all_is_mirrored_is_not_told_of(tmp_path, monkeypatch, capsys):
    """A process dies of a signal after its last line, as W&B's own threads can make it."""
    record_run(tmp_path / "a", arm="full", seed=0, children=CHILDREN)
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "sitecustomize.py").write_text(
        "import atexit, os, sys\n"
        "if any('wandb_process' in word for word in sys.orig_argv):\n"
        "    atexit.register(os.kill, os.getpid(), 9)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "fake"), str(ROOT)]))
    with mirrored(WANDB | {"finish_s": 300}, tmp_path / "a"):
        pass
    assert (tmp_path / "a" / "tracking.done").exists()
    assert capsys.readouterr().err == ""


def test_off_starts_nothing(tmp_path):
    with mirrored({"mode": "off"}, tmp_path):
        pass
    publish({"mode": "off"}, [tmp_path], tmp_path / "no")
    assert not list(tmp_path.iterdir())


def run(folder, quick, executor, *overrides):
    settings = [*quick, "+ablation=random_mutation", f"runs_dir={folder}", "budget.evaluations=1"]
    (found,) = complete_folders([compose([*settings, *overrides])], executor)
    return told(found)


@pytest.fixture(scope="module")
def without(tmp_path_factory, quick, executor):
    return run(tmp_path_factory.mktemp("without"), quick, executor)


@pytest.mark.parametrize("how", ["missing", "hangs"])
def test_a_run_is_the_same_where_wandb_is_missing_or_hangs(
    tmp_path, quick, executor, without, monkeypatch, capsys, how
):
    """A package of that name that cannot be imported, or never returns, stands in its way."""
    fake = tmp_path / "fake" / "wandb.py"
    fake.parent.mkdir()
    fake.write_text("raise ImportError" if how == "missing" else "import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(fake.parent), str(ROOT)]))

    start, finish_s = time.monotonic(), 2 if how == "hangs" else 300
    with_it = run(
        tmp_path / "with", quick, executor, "tracking=wandb", f"tracking.finish_s={finish_s}"
    )
    assert time.monotonic() - start < 300
    assert with_it == without
    told = capsys.readouterr().err
    assert "The results are complete without it." in told
    assert ("was not done 2 s after the run and was ended" in told) is (how == "hangs")
    assert not list(Path(tmp_path).rglob("offline-run-*"))
