"""Journals that were damaged, or made to harm: each is named in a sentence, and the rest is shown."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from harness import lineage, table
from harness.analysis.comparison import compare, comparisons
from harness.analysis.curves import trajectory
from harness.analysis.loading import all_below, read_run
from harness.config.identity import comparison_digest, digest_of, variant_digest
from harness.errors import RecordError
from harness.record import database
from harness.record.archive import write_archive
from harness.record.consistency import problem_of
from harness.record.events import CallRefused, GenerationEnded, RunCompleted
from harness.record.journal import JOURNAL_NAME, Journal, is_complete, read_entries, read_events
from harness.record.study import study_of
from tests.support.damaged_runs import damaged, refused
from tests.support.records import IDENTITY, evaluated, identify, manifest, record_run

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


def content(change):
    """Return a damage that changes the content of the manifest."""

    def damage(db):
        (text,) = db.execute("SELECT json FROM event WHERE key='manifest'").fetchone()
        stored = json.loads(text)
        change(stored)
        db.execute("UPDATE event SET json=? WHERE key='manifest'", [json.dumps(stored)])

    return damage


def setting(name, value):
    """Return a damage that changes a setting."""

    def change(stored):
        *folders, last = name.split(".")
        place = stored["config"]
        for folder in folders:
            place = place[folder]
        place[last] = value

    return content(change)


def sql(*statements):
    return lambda db: [db.execute(statement) for statement in statements]


def outcome(text):
    return sql(f"UPDATE event SET json='{text}' WHERE key='training/search/g0.c0/1'")


DAMAGES = {
    "a manifest that is a number": sql("UPDATE event SET json='5' WHERE key='manifest'"),
    "deep brackets": lambda db: db.execute(
        "UPDATE event SET json=? WHERE key='manifest'", ["[" * 200_000 + "]" * 200_000]
    ),
    "a number of 400 digits": outcome(f'{{"score": 0.5, "n_params": {"9" * 400}, "train_s": 1}}'),
    "an infinite number": outcome('{"score": 1e400, "n_params": 5, "train_s": 1}'),
    "no number": outcome('{"score": NaN, "n_params": 5, "train_s": 1}'),
    "a score above one": outcome('{"score": 1.5, "n_params": 5, "train_s": 1}'),
    "a negative size": outcome('{"score": 0.5, "n_params": -5, "train_s": 1}'),
    "text for a number": outcome('{"score": "0.5", "n_params": 5, "train_s": 1}'),
    "a list of a million": outcome(f'{{"score": 0.5, "n_params": {[0] * 1_000_000}}}'),
    "an endless view": sql("DROP TABLE event", f"CREATE VIEW event AS {ENDLESS} SELECT i seq, "
                           "'complete' key, 'complete' kind, '{}' json, 0.0 at FROM n"),
    "a schema that is no SQL": sql("PRAGMA writable_schema=ON", "UPDATE sqlite_master SET "
                                   "sql='CREATE ' || x'0a1b' || 'TABLE', name=x'0a' || 'event' "
                                   "WHERE type='table'"),
    "an additional endless view": sql(f"CREATE VIEW other AS {ENDLESS} SELECT i FROM n"),
    "a trigger": sql("CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END"),
    "a generated column": sql("DROP TABLE event", "CREATE TABLE event(seq INTEGER PRIMARY KEY, "
                              "key TEXT, kind TEXT, at REAL, json AS (hex(zeroblob(1 << 28))))"),
    "a blob for JSON": sql("UPDATE event SET json=zeroblob(1 << 20) WHERE key='manifest'"),
    "a gigantic blob": sql("UPDATE event SET json=zeroblob(1 << 25) WHERE key='manifest'"),
    "a text of wrong bytes": sql("UPDATE event SET json=CAST(x'ff' AS TEXT) WHERE key='manifest'"),
    "a time that is text": sql("UPDATE event SET at='yesterday'"),
    "a time without end": sql("UPDATE event SET at=9e999"),
    "no manifest": sql("DELETE FROM event WHERE key='manifest'"),
    "no seed network": sql("DELETE FROM event WHERE key='reference'"),
    "events out of order": sql("UPDATE event SET seq=-seq"),
    "an unknown kind": sql("UPDATE event SET key='rumour/1' WHERE key='complete'"),
    "two keys of one event": sql("UPDATE event SET key='final/seed/00' WHERE key='final/seed/1'"),
    "a parent that is not there": sql("UPDATE event SET json=replace(json, '\"seed\"', '\"g9.c9\"') "
                                      "WHERE key='proposal/g0.c0'"),
    "a step that is a path": sql("UPDATE event SET key='proposal/..' WHERE key='proposal/g0.c0'"),
    "an unanswered call": sql("DELETE FROM event WHERE key='call/g0.c0.mutation'"),
    "an answer of a model of two lines": sql("UPDATE event SET json=replace(json, '\"some_LLM\"', "
                                             "'\"a\\nb\"') WHERE key='call/g0.c0.mutation'"),
    "an answer at a date of two lines": sql("UPDATE event SET json=replace(json, '2026-01-02', "
                                            "'a\\nb') WHERE key='call/g0.c0.mutation'"),
    "an arm that acts on terminals": content(lambda stored: stored.update(arm="\x1b[2Jfull")),
    "an arm that is half a character": content(lambda stored: stored.update(arm="\ud800")),
    "a task that is none": content(lambda stored: stored["data"].update(kind="../../x")),
    "settings without a split": setting("search", {}),
    "a budget without end": setting("budget.evaluations", 1 << 62),
    "a budget that is a list": setting("budget.cost", []),
    "a price of training that is text": setting("training_price", "0.5"),
    "a price of training below 0": setting("training_price", -1.0),
    "a price of training that is a list": setting("training_price", [1]),
    "a price of training beyond all": setting("training_price", 1e308),
    "a price of training that is true": setting("training_price", True),
    "a tolerance that is text": setting("final.tolerance", "much"),
    "a proposer that is nothing": setting("proposer", None),
    "a model that is nothing": setting("proposer", {"model": None}),
    "a model that is a text": setting("proposer", {"model": "x"}),
    "a model whose name is a list": setting("proposer", {"model": {"name": ["x"]}}),
    "a margin that is text": setting("final.margin", "x"),
    "a useful loss that is nothing": setting("final.useful", None),
    "a useful loss of nothing": setting("final.useful", 0),
    "a relevant difference that is text": setting("final.relevant", "x"),
    "a measure that is a list": setting("final.measure", ["x"]),
    "a measure that is a mapping": setting("final.measure", {}),
    "a measure that is none": setting("final.measure", "no_such"),
    "a confirmation that is nothing": setting("confirm", None),
    "a confirmation without a number": setting("confirm", {"seeds": None}),
    "a fidelity that is a number": setting("fidelity", 3),
    "a fidelity that is nothing": setting("fidelity", None),
    "a fidelity without a class": setting("fidelity", {}),
    "a seed network without parameters": sql("UPDATE event SET json=replace(json, '1000', '0') "
                                             "WHERE key='reference'"),
    "repairs of 5,000 digits": sql("UPDATE event SET json=replace(json, '\"detail\": {}', '\"detail\": "
                                   f"{{\"repairs\": \"{'9' * 5000}\"}}') WHERE key='proposal/g0.c0'"),
    "a decision that was not measured": sql("UPDATE event SET json=replace(json, '0.97', '0.98') WHERE "
                                            "key='proposal/g0.c0'", "UPDATE event SET json=json_set("
                                            "json, '$.measured.score', 0.5) WHERE key='proposal/g0.c0'"),
    "more evaluations than it was given": setting("budget.evaluations", 1),
    "more proposals than it was given": setting("budget.proposals", 1),
    "a gate that trains": sql("UPDATE event SET json='{\"gate\": \"fidelity\", \"kind\": \"outpaced\", "
                              "\"reason\": \"r\"}' WHERE key='gates/seed'"),
    "a gate that takes seconds of training": sql("UPDATE event SET json='{\"gate\": \"lint\", \"kind\": "
                                                 "\"lint\", \"reason\": \"r\", \"train_s\": 1.0}' "
                                                 "WHERE key='gates/seed'"),
    "a machine without a name": content(lambda stored: stored.update(machine={})),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_journal_is_named_and_the_others_are_shown(
    sound, tmp_path, damage, monkeypatch, capsys
):
    folder = damaged(sound, tmp_path, damage)
    sentence = refused(folder)
    monkeypatch.setattr(sys, "argv", ["harness.table", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        table.main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.err == f"left out: {sentence}\n"
    assert "| full " in shown.out


def test_seeds_that_are_far_apart_are_no_list_of_all_between(sound, tmp_path):
    damaged(sound, tmp_path, content(lambda stored: stored.update(seed=10**19, variant="v")))
    below = all_below(tmp_path)
    assert not below.damaged
    assert "seeds 0, 10000000000000000000" in compare(below.runs).title


@pytest.mark.parametrize(("limit", "most"), [("_LARGEST_FRONT", 4), ("_MOST_MEMBERS", 14)])
def test_a_front_that_takes_hours_to_follow_is_refused(tmp_path, monkeypatch, limit, most):
    """Its last network dominates all others, so that the front is small in the end."""
    children = [(f"g0.c{i}", evaluated(0.5 + i / 100, 400 + i)) for i in range(5)]
    best = ("g1.c0", evaluated(0.99, 10))
    record_run(tmp_path, arm="full", seed=0, children=[*children, best], evaluations=6)
    assert len(read_run(tmp_path).front) == 1
    monkeypatch.setattr(trajectory, limit, most)
    assert "a front of 5 networks is too large" in refused(tmp_path)


def test_folders_that_are_nested_deeper_than_the_stack_hide_no_run(sound, tmp_path):
    shutil.copytree(sound / "sound", tmp_path / "runs" / "sound")
    here = os.open(tmp_path / "runs", os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        assert len(all_below(tmp_path / "runs").runs) == 1
    finally:  # which pytest cannot remove
        subprocess.run(["rm", "-rf", tmp_path / "runs" / "d"], check=True)


def test_a_run_whose_settings_name_no_arm_is_no_study(sound):
    with pytest.raises(RecordError, match="expected a recorded study, its events are incomplete"):
        study_of(read_events(sound / "sound"), path=sound)
    with pytest.raises(RecordError, match="expected a recorded study, its events are incomplete"):
        study_of([], path=sound)


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 8000])
def test_a_journal_that_was_cut_off_is_named_or_empty(sound, tmp_path, size):
    folder = damaged(sound, tmp_path, lambda _: None)
    os.truncate(folder / JOURNAL_NAME, size)
    if size:
        refused(folder)
    else:  # one that is being created looks like this
        assert read_entries(folder) == []


@pytest.mark.parametrize(
    "name", ["a trigger", "an endless view", "a manifest that is a number", "deep brackets"]
)
def test_a_damaged_journal_is_not_resumed_exported_or_shown(
    sound, tmp_path, name, monkeypatch, capsys
):
    folder = damaged(sound, tmp_path, DAMAGES[name])
    before = (folder / JOURNAL_NAME).read_bytes()
    with pytest.raises(RecordError):
        Journal(folder, wait_s=0)
    with pytest.raises(RecordError):
        write_archive(folder, tmp_path / "run.zip")
    monkeypatch.setattr(sys, "argv", ["harness.lineage", str(folder), "g0.c0"])
    with pytest.raises(SystemExit) as ended:
        lineage.main()
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err
    assert (folder / JOURNAL_NAME).read_bytes() == before


def test_events_that_are_more_than_their_file_are_not_held(tmp_path, monkeypatch):
    """Cells of a file that was made to harm can share pages: a small file with endless events."""
    with Journal(tmp_path, wait_s=0) as journal:
        for i in range(200):
            journal.record(GenerationEnded(number=i, population=("g0.c0",) * 5))
    monkeypatch.setitem(database._MOST, "characters", 10_000)
    with pytest.raises(RecordError, match="its events have more than 10,000 characters"):
        read_entries(tmp_path)


def test_a_query_without_end_is_ended(tmp_path, monkeypatch):
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(RunCompleted())
    monkeypatch.setattr(database, "_MOST_CALLS", 0)
    monkeypatch.setattr(database, "_STEPS", 10)
    with pytest.raises(RecordError, match="interrupted"):
        is_complete(tmp_path)


def test_what_no_reader_would_accept_is_not_written(tmp_path):
    with Journal(tmp_path, wait_s=0) as journal:
        with pytest.raises(RecordError, match=r"more than 100,000 values.*It is not recorded"):
            journal.record(GenerationEnded(number=1, population=("g0.c0",) * 130_000))
        journal.record(GenerationEnded(number=1, population=()))
    assert len(read_entries(tmp_path)) == 1


def identified(**changes):
    """Return a damage after which the settings are those of this version, and some are as given."""

    def change(stored):
        identify(stored)
        for name, value in changes.items():
            stored[name] = stored[name] | value if name in {"data", "machine"} else value

    return content(change)


@pytest.mark.parametrize(
    ("forged", "told"),
    [
        ({"arm": "nas"}, "its arm is not that of its settings"),
        ({"seed": 7}, "its seed is not that of its settings"),
        ({"comparison": "0" * 12}, "its comparison is not that of its settings"),
        ({"variant": "0" * 12}, "its variant is not that of its settings"),
        ({"score_only": False}, "its score_only is not that of its settings"),
        ({"prompts": "0" * 12}, "its prompts is not that of its settings"),
        ({"labels": {"repairs": "category"}}, "its labels is not that of its settings"),
        ({"labels": {}}, "its labels is not that of its settings"),
        ({"data": {"digest": "other"}}, "its data is not that of its settings"),
        ({"study": {"date": "2026", "model": "x"}}, "its study is not that of its settings"),
        ({"packages": {"guided-evolution": "9.9"}}, "its version is not that of its settings"),
        ({"commit": "a\nb"}, "commit: expected one printable line"),
        ({"commit": "c" * 501}, "commit has a text that is not one printable line"),
        ({"machine": {"cpu": "\u202e"}}, "machine has a text that is not one printable line"),
        ({"machine": {"torch": "x" * 501}}, "machine has a text that is not one printable line"),
        ({"machine": {"x": ["\x1b[2J"]}}, "machine has a text that is not one printable line"),
        ({"machine": {"x\n": 1}}, "machine has a text that is not one printable line"),
        ({"machine": {str(i): i for i in range(1001)}}, "machine has more than 1,000 entries"),
        ({"hashes": {"data": "c060ebd" + "0" * 57}}, "the hash of its data is not that of its settings"),
        ({"hashes": {"other": "0" * 64}}, "the hash of its other is not that of its settings"),
    ],
)  # fmt: skip
def test_a_manifest_that_its_settings_do_not_make_is_damaged(sound, tmp_path, forged, told):
    folder = damaged(sound, tmp_path / "forged", identified(**forged))
    assert told in refused(folder)


def test_a_manifest_that_its_settings_make_is_sound(sound, tmp_path):
    damaged(sound, tmp_path / "honest", identified())
    assert not all_below(tmp_path / "honest").damaged
    # Another version may have declared other labels, and other defaults of its strategies.
    other = IDENTITY | {"version": "0.1.9"}
    damaged(sound, tmp_path / "other", content(lambda stored: stored.update(
        config=(known := stored["config"] | other), labels={"x": "y"}, score_only=True,
        comparison=comparison_digest(known), variant=variant_digest(known),
        prompts=digest_of({"rules": "None."}), packages={"guided-evolution": "0.1.9"},
    )))  # fmt: skip
    assert not all_below(tmp_path / "other").damaged


def test_runs_of_other_settings_are_pooled_by_no_digest_that_they_state(sound, tmp_path):
    damaged(sound, tmp_path / "budget", setting("recipe.epochs", 500))
    assert len(comparisons(all_below(tmp_path / "budget").runs)) == 2
    damaged(sound, tmp_path / "arm", setting("rates", {"p_mate": 0.5}))
    (table,) = comparisons(all_below(tmp_path / "arm").runs)
    assert len({arm.name for arm in table.arms}) == 2


@pytest.mark.parametrize("limit", ["tokens", "seed"])
def test_a_call_is_refused_by_a_limit_of_calls_alone(limit):
    problem = problem_of([manifest(), CallRefused(step="g0.c0.mutation", limit=limit)])
    assert problem == (
        ""
        if limit == "tokens"
        else "refused/g0.c0.mutation names a limit that is none of llm_calls, prompt_tokens, "
        "completion_tokens, tokens, cost"
    )
