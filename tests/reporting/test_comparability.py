"""Which runs a table holds, and what it says of the others."""

import contextlib
import csv
import io
import json
import re
import sqlite3
from dataclasses import replace

import pytest

from harness.analysis.comparison import compare, comparisons, table_name
from harness.analysis.loading import read_runs
from harness.errors import InputError, RecordError
from harness.record.failure import failure_kept
from harness.record.journal import JOURNAL_NAME, Journal
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.notes.declarations import on_declarations
from harness.reporting.notes.note import texts_of
from harness.reporting.tables import STYLES, render_all
from harness.tidy.run_rows import run_rows
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
    assert "| late " not in text
    assert (
        "late: not in the tables, since none of its runs is complete; the same command resumes it."
    ) in text
    with contextlib.suppress(ValueError), failure_kept(tmp_path / "d"):
        raise ValueError("three segments are too few")
    text = described([*runs, *read_runs([tmp_path / "d"])], "markdown")
    assert (
        "late: not in the tables, since none of its runs is complete; the last attempt failed: "
        "ValueError('three segments are too few')."
    ) in text
    assert "the same command" not in text
    alone = row(read_runs([tmp_path / "d"]), "late")
    assert (alone["runs_complete"], alone["runs_planned"]) == ("0", "1")
    assert {alone[name] for name in ("hypervolume", "test_score")} == {""}


def test_arms_without_a_pair_are_no_part_of_the_family(tmp_path):
    """They are named once, and the others are not adjusted for them."""
    for arm, seeds in {"full": range(6), "width": range(6), "late": range(9, 12)}.items():
        for seed in seeds:
            record_run(
                tmp_path / f"{arm}{seed}", arm=arm, seed=seed,
                children=[("g0.c0", evaluated(0.98, 500 if arm == "full" else 900))],
            )  # fmt: skip
    found = read_runs(sorted(tmp_path.iterdir()))
    text = described(found, "markdown")
    assert "adjusted for 1 comparison." in text
    assert "Not compared, since no seed is completed by the arm and full: late." in text
    alone = [run for run in found if run.arm != "late"]
    p = row(alone, "width")["p"]
    assert p == row(found, "width")["p"] != ""


def test_runs_recorded_with_other_code_are_told_by_arm(tmp_path):
    codes = {"full": {"harness/a.py": "1"}, "width": {"harness/a.py": "1", "harness/w.py": "1"},
             "nas": {"harness/a.py": "2", "harness/n.py": "1"}}  # fmt: skip
    for arm in codes:
        for seed in (0, 1):
            record_run(tmp_path / f"{arm}{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    runs = [
        replace(run, manifest=replace(run.manifest, code=codes[run.arm], commit=f"c{len(codes[run.arm])}"))
        for run in read_runs(sorted(tmp_path.iterdir()))
    ]  # fmt: skip
    same = [run for run in runs if run.arm != "nas"]
    assert "same code" not in described(same, "markdown")
    notes = texts_of(describe_comparison(compare(runs)).notes)
    (told,) = [note for note in notes if "Not all runs were recorded with the same code" in note]
    assert re.search(r"full, width with code \w{12}, commit c1, c2; nas with code \w{12}", told)
    assert told.endswith("Files that differ: harness/a.py.")
    (machine, other) = [note for note in notes if "measured on" in note.lower()]
    assert machine.startswith("full: measured on")
    assert other.startswith(("nas, width: measured on", "width, nas:"))


def test_it_says_what_it_does_not_show(runs):
    document = describe_comparison(compare(runs))
    notes = " ".join(texts_of(document.notes))
    assert "One seed: a demonstration, supports no conclusion." in notes
    assert "no evidence of GE" in notes
    assert "which may not happen on another machine: 1." in notes
    assert (
        "search recorded 2026-01-02 with some_LLM 50%; networks trained in its own runs"
        in texts_of(document.headings)
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
    assert not any("not comparable" in heading for heading in texts_of(first.headings))
    assert other.headings[0].text == (
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
    assert "supports no conclusion" not in " ".join(texts_of(describe_comparison(comparison).notes))


def test_a_search_without_generations_is_told_in_words(tmp_path):
    schedule = {"_target_": "harness.SteadyState", "under_way": 8, "workers": 4, "answer": 0.3}
    for name, arm, settings in (
        ("a", "full", {}),
        ("b", "full", {"schedule": schedule}),
        ("c", "width", {"schedule": schedule}),
    ):
        record_run(tmp_path / name, arm=arm, seed=0, children=[("g0.c0", evaluated(0.9, 500))],
                   variant=name * 4, settings=settings)  # fmt: skip
    (comparison,) = comparisons(read_runs([tmp_path / n for n in "abc"]))
    notes = texts_of(describe_comparison(comparison).notes)
    told = "seed 0: no generations: children are decided one by one (schedule=steady_state), up to "
    assert sum(told + "8 are under way." in note for note in notes) == 2
    assert "full (aaaa): schedule=generational; recorded in a." in notes
    assert "full (bbbb): schedule=steady_state; recorded in b." in notes


def test_as_many_digits_as_tell_arms_of_one_name_apart_are_shown(tmp_path):
    """Four digits alone could be searched for in a second: an arm would hide another."""
    children = [("g0.c0", evaluated(0.9, 500))]
    for name, variant in (("a", "11112222"), ("b", "11112333"), ("c", "22222222")):
        record_run(tmp_path / name, arm="full", seed=0, children=children, variant=variant)
    (comparison,) = comparisons(read_runs([tmp_path / n for n in "abc"]))
    assert [arm.name for arm in comparison.arms] == [
        "full (111122)", "full (111123)", "full (222222)",
    ]  # fmt: skip
    assert all(arm.by_digest for arm in comparison.arms)


SEARCHED_FOR = ((1, 11661058), (30, 18996966))
"""Epochs, and numbers by which the settings below have hashes that begin with ac3be4f8aaae.

They were found by search in two minutes.
"""


def record_searched(folder, epochs, number):
    record_run(
        folder, arm=f"arm{epochs}", seed=0, children=[("g0.c0", evaluated(0.9, 500))], comparison=None,
        settings={
            "final": {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9, "measure": "saved",
                      "margin": 0.02, "useful": 0.05},
            "network": "4c4196f6", "recipe": {"epochs": epochs, "mixup_seed": number},
            "search": {"split": "validation"},
        },
    )  # fmt: skip


def test_runs_whose_settings_were_searched_for_do_not_share_a_table(tmp_path):
    """Epochs are a setting that all arms of a table share."""
    for epochs, number in SEARCHED_FOR:
        record_searched(tmp_path / str(epochs), epochs, number)
    one, other = read_runs([tmp_path / "1", tmp_path / "30"])
    assert {table_name(run.manifest) for run in (one, other)} == {table_name(one.manifest)}
    with pytest.raises(
        RecordError, match=r"recipe\.epochs is 30, not 1; recipe\.mixup_seed is 18996"
    ):
        comparisons([one, other])
    with pytest.raises(RecordError, match="leave one of the runs out"):
        list(run_rows([one, other]))
    assert len(comparisons([one])) == 1


@pytest.mark.parametrize("name", ["data", "network"])
def test_runs_on_data_or_networks_of_one_digest_alone_do_not_share_a_table(tmp_path, runs, name):
    one, other = (
        replace(run, manifest=replace(run.manifest, hashes={name: digits * 8}))
        for run, digits in zip(runs[:2], ("4c4196f6", "4c4196f7"), strict=True)
    )
    earlier = replace(one, manifest=replace(one.manifest, hashes={}))
    assert len(comparisons([one, earlier])) == len(comparisons([one])) == 1
    with pytest.raises(RecordError, match=f"the hash of its {name} is another"):
        comparisons([one, other])


def test_a_run_that_has_not_begun_is_left_out(tmp_path, runs):
    with Journal(tmp_path / "begun", wait_s=0) as journal:
        journal.record(manifest())
    assert read_runs([tmp_path / "begun"]) == []


def test_of_two_runs_of_an_arm_at_one_seed_the_first_that_is_complete_counts(tmp_path):
    """The others are no further seeds, and no result replaces an earlier one."""
    begun = {"c": (3.0, 200, True), "b": (2.0, 300, True), "a": (1.0, 400, False)}
    for name, (at, size, complete) in begun.items():
        for arm in ("full", "width"):
            record_run(tmp_path / name / arm, arm=arm, seed=0, at=at, complete=complete,
                       children=[("g0.c0", evaluated(0.98, size))])  # fmt: skip
    runs = read_runs([tmp_path / name / arm for name in begun for arm in ("full", "width")])
    comparison = compare(runs)
    assert [run.folder.parent.name for run in comparison.runs] == ["b", "b"]
    assert [arm.planned for arm in comparison.arms] == [1, 1]
    notes = texts_of(describe_comparison(comparison).notes)
    last = tmp_path / "c" / "width"
    assert f"width: seed 0 ran again; the first complete run counts, not {last}." in notes
    assert sum("ran again" in note for note in notes) == 4


def on_machine(run, **machine):
    manifest = run.manifest
    return replace(run, manifest=replace(manifest, machine={**manifest.machine, **machine}))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_runs_of_two_processors_or_gpus_are_told_apart(tmp_path, device):
    for arm in ("full", "width"):
        record_run(tmp_path / arm, arm=arm, seed=0, children=[("g0.c0", evaluated(0.98, 500))])
    here, there = read_runs([tmp_path / "full", tmp_path / "width"])
    runs = [on_machine(here, device=device, **{device: "One"}),
            on_machine(there, device=device, **{device: "Another"})]  # fmt: skip
    notes = texts_of(describe_comparison(compare(runs)).notes)
    assert any(note.startswith(f"full: measured on {device} (One) with") for note in notes)
    assert any(note.startswith(f"width: measured on {device} (Another) with") for note in notes)
    assert not any("different scores" in note for note in notes)
    other = replace(there, finals=there.finals | {"seed": (0.9, 0.9, 0.9)})
    notes = texts_of(describe_comparison(compare([here, other])).notes)
    assert any(note.startswith("At seed 0 the seed network has different") for note in notes)


def test_runs_of_the_same_search_that_declare_otherwise_are_told(tmp_path):
    """Whoever looks at a table can declare another measure, and the trainings are shared."""
    children = [("g0.c0", evaluated(0.98, 500))]
    final = {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9, "margin": 0.02}
    others = {
        "aa": {}, "bb": {"margin": 0.0}, "cc": {"margin": 0.0, "measure": "test_score"},
    }  # fmt: skip
    for name, changed in others.items():
        record_run(tmp_path / f"full-s0-{name}", arm="full", seed=0, children=children,
                   settings={"final": final | changed})  # fmt: skip
    record_run(tmp_path / "full-s0-dd", arm="full", seed=0, children=children,
               settings={"final": final, "recipe": {"epochs": 9}})  # fmt: skip
    (tmp_path / "full-s0-ee").mkdir()
    (tmp_path / "full-s0-ee" / JOURNAL_NAME).write_text("damaged")
    (run,) = read_runs([tmp_path / "full-s0-aa"])
    (told,) = on_declarations(compare([run]))
    assert told.startswith(
        "The folder has runs of the same searches with other settings: final.margin=0.0 (1 run); "
        "final.margin=0.0, final.measure=test_score (1 run). Their trainings are shared"
    )
    (run,) = read_runs([tmp_path / "full-s0-dd"])
    assert not [*on_declarations(compare([run]))]
