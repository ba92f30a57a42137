"""The mirror to W&B, for real and offline; and that nothing depends on it."""

import json
import struct
import time
from pathlib import Path

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.record.events import RunCompleted
from harness.record.journal import Journal
from harness.record.wandb_mirror import mirrored, publish
from tests.conftest import told
from tests.support.backends import complete_folders
from tests.support.records import LINT, child, evaluated, record_run

WANDB = {"mode": "wandb", "project": "some-project", "entity": None, "finish_s": 60}
BLOCK, HEADER = 32_768, 7


def records(folder):
    """Read what W&B wrote: a LevelDB log of its own protocol messages."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    data, place, whole, found = path.read_bytes(), HEADER, b"", []
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEADER])
        if kind == 0:
            break
        whole += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in {1, 4}:  # a whole record, or the last piece of one
            found.append(Record.FromString(whole))
            whole = b""
    return found


def history(folder):
    return [
        {item.nested_key[0] if item.nested_key else item.key: json.loads(item.value_json)
         for item in r.history.item}
        for r in records(folder) if r.WhichOneof("record_type") == "history"
    ]  # fmt: skip


def run_record(folder):
    return next(r.run for r in records(folder) if r.WhichOneof("record_type") == "run")


@pytest.fixture
def folder(tmp_path):
    record_run(
        tmp_path / "a", arm="full", seed=0,
        children=[("g0.c0", evaluated(0.9, 500)), ("g0.c1", LINT), ("g1.c0", evaluated(0.8, 90))],
    )  # fmt: skip
    return tmp_path / "a"


def test_a_run_is_mirrored_in_its_studys_group_with_its_arm_as_job_type(folder):
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    for name in ("wandb", ".wandb"):
        (folder / name).symlink_to(elsewhere)
    with mirrored(WANDB, folder):
        pass
    assert not any(elsewhere.iterdir())
    told = run_record(folder)
    assert (told.project, told.run_group, told.job_type) == ("some-project", "digits-c", "full")
    config = {item.key: json.loads(item.value_json) for item in told.config.update}
    assert config["seed"] == 0
    rows = history(folder)
    assert [row["score"] for row in rows if "score" in row] == [0.9, 0.8]
    assert [row["accepted"] for row in rows if "accepted" in row] == [1, 0, 1]
    assert [row["test_score"] for row in rows if "test_score" in row]
    steps = [row["_step"] for row in rows]
    assert steps == sorted(steps)


def test_events_that_come_while_it_mirrors_are_mirrored(tmp_path):
    folder = tmp_path / "live"
    record_run(
        folder, arm="full", seed=0, children=[("g0.c0", evaluated(0.9, 500))], complete=False
    )
    with mirrored(WANDB, folder), Journal(folder, wait_s=0) as journal:
        time.sleep(3)
        journal.record(child("g1.c0", evaluated(0.7, 70)))
        journal.record(RunCompleted())
    assert [row["score"] for row in history(folder) if "score" in row] == [0.9, 0.7]


def test_the_comparison_is_published_with_table_and_figure(folder, tmp_path):
    from harness.analysis.comparison import compare
    from harness.reporting.comparison_tables import describe_comparison
    from harness.reporting.figures.catalog import draw
    from harness.reporting.tables import render

    comparison = compare([read_run(folder)])
    (tmp_path / "table.csv").write_text(render(describe_comparison(comparison), "csv"))
    draw("pareto", comparison, tmp_path)
    publish(WANDB, [folder], tmp_path / "table.csv", tmp_path / "pareto.png")
    assert run_record(folder).job_type == "comparison"
    (files,) = folder.glob("wandb/offline-run-*/files")
    (table,) = files.rglob("comparison*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"][:2] == ["comparison", "arm"]
    assert [row[1] for row in content["data"]] == ["seed network", "full"]
    (image,) = files.rglob("pareto*.png")
    assert image.read_bytes() == (tmp_path / "pareto.png").read_bytes()


def test_a_run_that_was_complete_before_is_mirrored_once(tmp_path, quick, executor):
    settings = [*quick, "+ablation=random_mutation", f"runs_dir={tmp_path}", "budget.evaluations=1"]
    (folder,) = complete_folders([compose(settings)], executor)
    assert not (folder / "wandb").exists()
    for _ in range(2):
        complete_folders([compose([*settings, "tracking=wandb"])], executor)
        assert len(list(folder.glob("wandb/offline-run-*"))) == 1
    assert run_record(folder).job_type == "random_mutation"


def test_off_starts_nothing(folder, tmp_path):
    with mirrored({"mode": "off"}, folder):
        pass
    publish({"mode": "off"}, [folder], tmp_path / "no.csv", tmp_path / "no.png")
    assert not (folder / "tracking.log").exists()


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
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))

    start = time.monotonic()
    with_it = run(tmp_path / "with", quick, executor, "tracking=wandb", "tracking.finish_s=2")
    assert time.monotonic() - start < 60
    assert with_it == without
    assert "the results are complete without it" in capsys.readouterr().err
    assert not list(Path(tmp_path).rglob("offline-run-*"))
