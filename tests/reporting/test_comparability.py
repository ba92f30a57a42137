"""Which runs a table holds, and what it says of the others."""

import csv
import io
import json
import sqlite3
from dataclasses import replace

import pytest

from harness.analysis.comparison import compare, comparisons
from harness.analysis.loading import read_runs
from harness.errors import InputError
from harness.record.journal import JOURNAL_NAME, Journal
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import STYLES, render_all
from tests.support.commands import run_main as command
from tests.support.records import evaluated, manifest, record_run
from tests.support.tables import described, row


def test_an_arm_that_was_selected_on_test_data_is_marked_wherever_it_is_named(tmp_path, runs):
    record_run(
        tmp_path / "d", arm="test_selection", seed=0, split="test",
        children=[("g0.c0", evaluated(0.99, 600))],
    )  # fmt: skip
    marked = read_runs([tmp_path / "d"])
    for style in STYLES:
        text = described([*runs, *marked], style)
        assert "selection (selected on test data)" in text.replace("\\", "")
        if style != "csv":
            assert "saw the test split, except where marked (selected on test data)." in text
    assert row(runs, "seed network") == row([*runs, *marked], "seed network")
    mine = row([*runs, *marked], "test_selection (selected on test data)")
    assert mine["selected_search_score"] == mine["best_validation"] == ""  # it never had one
    assert float(mine["selected_retrained_score"]) == pytest.approx(0.975)
    assert mine["difference"] == mine["p"] == ""  # what it scored is measured by another rule
    with pytest.raises(InputError, match="expected an arm of the table, one of full, random"):
        compare([*runs, *marked], reference="test_selection (selected on test data)")


def test_a_run_that_has_not_ended_is_no_score(tmp_path, runs):
    record_run(
        tmp_path / "d", arm="late", seed=0, complete=False, children=[("g0.c0", evaluated(0.9, 9))]
    )
    text = described([*runs, *read_runs([tmp_path / "d"])], "markdown")
    late = row([*runs, *read_runs([tmp_path / "d"])], "late")
    assert late["seeds"] == "0/1"
    assert {late[name] for name in ("hypervolume", "test_score", "difference")} == {""}
    assert "late, seed 0: not complete; the same command resumes it." in text


def test_it_says_what_it_does_not_show(runs):
    document = describe_comparison(compare(runs))
    notes = " ".join(document.notes)
    assert "One seed: a demonstration, supports no conclusion." in notes
    assert "no evidence of GE" in notes
    assert "which may not happen on another machine: 1." in notes
    assert (
        "search recorded 2026-01-02 with some_LLM 50%; networks trained here" in document.headings
    )
    again = [replace(run, manifest=replace(run.manifest, seed=1)) for run in runs]
    headline = describe_comparison(compare([*runs, *again])).headline
    assert "guided~pool:full 90.0 % (2 of 2 runs)" in headline
    assert "full 40.0 % (2 of 2 runs)" in headline


def test_runs_that_differ_in_more_than_the_arm_share_no_table(tmp_path):
    children = [("g0.c0", evaluated(0.9, 500))]
    record_run(tmp_path / "a", arm="full", seed=0, children=children)
    record_run(
        tmp_path / "b", arm="full", seed=0, children=children, comparison="other", evaluations=9
    )
    found = read_runs([tmp_path / "a", tmp_path / "b"])
    first, other = map(describe_comparison, comparisons(found))
    assert not any("not comparable" in heading for heading in first.headings)
    assert other.headings[0] == (
        "not comparable with the first table: budget.evaluations is 9, not 3"
    )
    several = [first, other]
    assert [one["title"] for one in json.loads(render_all(several, "json"))] == [
        first.title, other.title,
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(render_all(several, "csv"))))
    assert [r["comparison"] for r in rows] == [first.title] * 2 + [other.title] * 2


def test_a_damaged_journal_is_named_and_the_rest_shown(tmp_path, runs):
    whole = tmp_path / "a" / JOURNAL_NAME
    for name in ("cut", "rubbish", "changed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / JOURNAL_NAME).write_bytes(whole.read_bytes())
    cut = tmp_path / "cut" / JOURNAL_NAME
    cut.write_bytes(cut.read_bytes()[:9000])
    (tmp_path / "rubbish" / JOURNAL_NAME).write_bytes(b"no journal" * 999)
    with sqlite3.connect(tmp_path / "changed" / JOURNAL_NAME) as db:
        db.execute("UPDATE event SET json = '{}' WHERE key = 'proposal/g0.c1'")
    db.close()
    done = command(tmp_path, module="harness.table")
    assert done.returncode == 2
    assert "| random_mutation " in done.stdout
    for name in ("cut", "rubbish", "changed"):
        assert f"left out: {tmp_path / name}" in done.stderr
    assert "Traceback" not in done.stderr
    for name in ("a", "b", "c"):
        (tmp_path / name / JOURNAL_NAME).unlink()
    done = command(tmp_path, module="harness.table")
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path / "cut") in done.stderr


def test_a_folder_without_runs_says_so(tmp_path):
    done = command(tmp_path, module="harness.table")
    assert done.returncode == 2
    assert "expected a folder with runs, found no journal in it" in done.stderr


def test_settings_tell_arms_of_one_name_apart_and_seeds_share_a_row(tmp_path):
    children = [("g0.c0", evaluated(0.9, 500))]
    for name, seed, variant in (("a", 0, "1111"), ("b", 1, "1111"), ("c", 0, "2222")):
        record_run(tmp_path / name, arm="full", seed=seed, children=children, variant=variant)
    (comparison,) = comparisons(read_runs([tmp_path / n for n in "abc"]))
    assert [(r["arm"], r["seeds"]) for r in describe_comparison(comparison).tables[0].rows[1:]] == [
        ("full (1111)", "2/2"), ("full (2222)", "1/2"),
    ]  # fmt: skip
    assert "supports no conclusion" not in " ".join(describe_comparison(comparison).notes)


def test_a_run_that_has_not_begun_is_left_out(tmp_path, runs):
    with Journal(tmp_path / "begun", wait_s=0) as journal:
        journal.record(manifest())
    assert read_runs([tmp_path / "begun"]) == []
