"""What a table says of LLMs: their names, calls and cost."""

from harness.analysis.comparison import compare, comparisons
from harness.analysis.loading import read_runs
from harness.record.events import RunCompleted, read_event
from harness.record.journal import Journal
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.notes.note import texts_of
from tests.support.records import LINT, evaluated, record_run
from tests.support.tables import row


def test_a_known_price_gives_a_cost(tmp_path):
    price = {"prompt": 10.0, "completion": 50.0}
    children = [("g0.c0", evaluated(0.9, 500)), ("g0.c1", LINT)]
    record_run(tmp_path / "a", arm="full", seed=0, children=children, price=price)
    runs = read_runs([tmp_path / "a"])
    assert row(runs, "full")["cost"] == "0.004"  # twice 100 and 20 tokens, by the million


def test_every_llm_of_an_ensemble_has_a_row_with_its_validity_and_usage(tmp_path):
    children = [
        ("g0.c0", evaluated(0.9, 500)), ("g0.c1", LINT), ("g0.c2", LINT), ("g0.c3", LINT),
    ]  # fmt: skip
    record_run(tmp_path / "a", arm="full", seed=0, children=children, members=("big", "small"))
    runs = read_runs([tmp_path / "a"])
    assert row(runs, "full")["valid"] == "0.25"
    big, small = row(runs, "full, asking big"), row(runs, "full, asking small")
    assert (big["valid"], big["calls"], big["prompt_tokens"]) == ("0.5", "2.0", "200.0")
    assert (small["valid"], small["calls"], small["prompt_tokens"]) == ("0.0", "2.0", "200.0")
    assert big["hypervolume"] == small["parameters"] == ""


def test_arms_that_differ_in_their_llm_bear_its_name(tmp_path):
    children = [("g0.c0", evaluated(0.9, 500))]
    for name in ("gpt", "qwen"):
        record_run(tmp_path / name, arm="full", seed=0, children=children, variant=name, asked=name)
    (comparison,) = comparisons(read_runs([tmp_path / "gpt", tmp_path / "qwen"]))
    assert [r["arm"] for r in describe_comparison(comparison).tables[0].rows[1:]] == [
        "full (gpt)",
        "full (qwen)",
    ]


def test_what_calls_came_to_is_said(tmp_path):
    details = [{"repairs": "2"}, {"repairs": "1"}, {"extraction": "left out B"}]
    children = [("g0.c0", LINT), ("g0.c1", evaluated(0.9, 500)), ("g0.c2", LINT)]
    record_run(tmp_path, arm="full", seed=0, children=children, details=details)
    with Journal(tmp_path, wait_s=0) as journal:
        failure = {"told": "", "latency_s": 1.0}
        reserved = {"calls": 1, "prompt_tokens": 20, "completion_tokens": 10, "cost": 0.5}
        journal.record(read_event("sent/g0.c0.mutation/0", {"asked": "a", "reserved": reserved}))
        journal.record(read_event("failed/g0.c0.mutation/0", failure | {"kind": "timeout"}))
        journal.record(read_event("sent/g0.c0.mutation/1", {"asked": "a", "reserved": reserved}))
        journal.record(read_event("failed/g0.c0.mutation/1", failure | {"kind": "rate"}))
        journal.record(read_event("sent/g0.c0.mutation/2", {"asked": "a", "reserved": reserved}))
        journal.record(read_event("refused/g1.c0.mutation", {"limit": "tokens"}))
    notes = " ".join(texts_of(describe_comparison(compare(read_runs([tmp_path]))).notes))
    assert "asked 3 times to repair what a gate refused; 1 of 2 children whose last answer" in notes
    assert "may have been billed: 1, with at most 30 tokens and 0.5; not in the table." in notes
    assert "ended by budget.tokens; calls not sent: 1." in notes
    assert "the most that it may take is reserved, here up to 30 tokens; " in notes
    assert "answers with more than requested, or under another name: 1." in notes
    assert "Measured on cpu with torch 2.9, Python 3.11.7, sandbox isolated, by" in notes


def ended_by(name, limit, folder, reserved=None, **settings):
    """Record a run of one answer and one training, and a call that a limit had no room for."""
    record_run(
        folder, arm="full", seed=0, children=[("g0.c0", evaluated(0.9, 500))], comparison=None,
        variant=folder.name, price={"prompt": 10.0, "completion": 25.0}, complete=False,
        settings={"budget": {"evaluations": 3, name: limit}, **settings},
    )  # fmt: skip
    with Journal(folder, wait_s=0) as journal:
        content = {"limit": name} | ({"reserved": reserved} if reserved else {})
        journal.record(read_event("refused/g1.c0.mutation", content))
        journal.record(RunCompleted())


def notes_of(folder):
    (comparison,) = comparisons(read_runs(sorted(folder.iterdir())))
    return texts_of(describe_comparison(comparison).notes)


def test_the_numbers_of_a_refused_call_add_up_and_those_of_cost_count_training(tmp_path):
    reserved = {"calls": 1, "prompt_tokens": 120, "completion_tokens": 100, "cost": 0.0037}
    ended_by("cost", 0.006, tmp_path / "a", reserved, training_price=2.4)  # 1.5 s of training
    ended_by("tokens", 300, tmp_path / "b", reserved)
    ended_by("tokens", 301, tmp_path / "c")  # as recorded before
    notes = " ".join(notes_of(tmp_path))
    most = "before a call is sent, the most that it may take is reserved"
    assert (
        f"{most}, 0.0037 for the call not sent; spent: 0.0025 of 0.006 (0.0015 for calls, 0.001 for "
        f"training)."
    ) in notes
    assert f"{most}, 220 tokens for the call not sent; spent: 120 of 300 tokens." in notes
    assert f"{most}; spent: 120 of 301 tokens." in notes


def test_a_note_names_an_arm_as_its_row_does_and_none_hides_an_equal_one(tmp_path):
    for k, limit in enumerate((300, 400)):
        ended_by("tokens", limit, tmp_path / str(k))
    notes = [note for note in notes_of(tmp_path) if "ended by" in note]
    assert notes == [
        f"full ({limit} tokens), seed 0: ended by budget.tokens; calls not sent: 1."
        for limit in (300, 400)
    ]


def test_a_column_that_is_not_shown_has_no_note(tmp_path):
    ended_by("tokens", 300, tmp_path / "a")
    (comparison,) = comparisons(read_runs([tmp_path / "a"]))
    about = "smaller / same / larger %: evaluated children"
    for columns, told in (((), True), (("size_changes",), True), (("calls",), False)):
        notes = describe_comparison(comparison, columns=columns).tables[-1].notes
        assert any(note.startswith(about) for note in notes) == told
