"""The table from journals alone: golden files, arithmetic, honesty."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from harness.journal import Journal
from harness.results import read_run, read_runs
from harness.table import HEADER, STYLES, comparisons, render

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}


def record_run(
    folder,
    *,
    arm,
    seed,
    children,
    study=None,
    tokens=100,
    complete=True,
    comparison="c",
    variant=None,
    split="validation",
    asked=None,
    price=None,
    details=(),
    members=(),
):
    """Write a run's journal by hand; a child is (step, fate, source)."""
    manifest = {
        "arm": arm, "seed": seed, "comparison": comparison, "variant": variant or f"{arm}-variant",
        "config": {"budget": {"evaluations": 3}, "final": {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9},
                   "search": {"split": split}},
        "data": {"name": "digits", "n_classes": 10}, "study": study, "commit": "abc1234",
        "machine": {"device": "cpu", "torch": "2.9", "python": "3.11.7", "sandbox": "isolated"},
        "packages": {"guided-evolution": "0.1.0"},
    }  # fmt: skip
    if asked:
        manifest["config"]["proposer"] = {"model": {"name": asked}}
    with Journal(folder, wait_s=0) as journal:
        journal.record("manifest", manifest)
        seed_fate = {"accuracy": 0.98, "n_params": 1000, "train_s": 2.0}
        journal.record("training/search/seed/1", seed_fate)
        journal.record("reference", {"fate": seed_fate, "measured": seed_fate, "source": ""})
        for k, (step, fate) in enumerate(children):
            if tokens != 0:
                call = {
                    "model": "some_LLM", "prompt_tokens": tokens, "completion_tokens": 20,
                    "asked": members[k % len(members)] if members else asked, "price": price,
                    "requested": {"max_tokens": 100},
                }  # fmt: skip
                journal.record(f"call/{step}.mutation", call)
            if "accuracy" in fate:
                journal.record(f"training/search/{step}/1", fate)
            detail = dict(details[k]) if k < len(details) else {}
            calls = [f"{step}.mutation"] if tokens != 0 else []
            variation = {"operator": "mutation", "segment": "A", "detail": detail, "calls": calls}
            child = {
                "generation": int(step[1]),
                "parents": ["seed"],
                "variations": [variation],
                "source": f"# segment: A\nx = {k}\n",
            }
            journal.record(f"proposal/{step}", child | {"fate": fate, "measured": fate})
        for step in ("seed", *(s for s, f in children if "accuracy" in f)):
            for k, accuracy in enumerate((0.97, 0.98, 0.99)):
                journal.record(
                    f"final/{step}/{k}",
                    {"accuracy": accuracy, "validation": accuracy - 0.005, "train_s": 2.0},
                )
        if complete:
            journal.record("complete", {})


def evaluated(accuracy, n_params):
    return {"accuracy": accuracy, "n_params": n_params, "train_s": 1.5}


LINT = {"gate": "lint", "kind": "lint", "reason": "F821"}
SLOW = {"gate": "train", "kind": "timeout", "reason": "took longer than 60 s"}


@pytest.fixture
def runs(tmp_path):
    study = {"model": "some_LLM 50%", "date": "2026-01-02"}
    record_run(
        tmp_path / "a", arm="full", seed=0, study=study,
        children=[
            ("g0.c0", evaluated(0.975, 600)), ("g0.c1", LINT),
            ("g0.c2", evaluated(0.99, 2000)), ("g1.c0", SLOW),
        ],
    )  # fmt: skip
    record_run(
        tmp_path / "b", arm="random_mutation", seed=0, tokens=0,
        children=[("g0.c0", evaluated(0.9, 500)), ("g0.c1", evaluated(0.981, 990))],
    )  # fmt: skip
    record_run(
        tmp_path / "c", arm="guided~pool:full", seed=0, tokens=None, complete=False,
        children=[("g0.c0", evaluated(0.5, 100))],
    )  # fmt: skip
    return read_runs([tmp_path / "a", tmp_path / "b", tmp_path / "c"])


@pytest.mark.parametrize("style", STYLES)
def test_golden(runs, style):
    (comparison,) = comparisons(runs)
    golden = GOLDEN / f"table.{SUFFIXES[style]}"
    assert render(comparison, style) == golden.read_text()


def row(runs, arm):
    (comparison,) = comparisons(runs)
    rows = list(csv.DictReader(io.StringIO(render(comparison, "csv"))))
    return next(r for r in rows if r["arm"] == arm)


def test_an_arm_that_was_selected_on_test_data_is_marked_wherever_it_is_named(tmp_path, runs):
    record_run(
        tmp_path / "d", arm="test_selection", seed=0, split="test",
        children=[("g0.c0", evaluated(0.99, 600))],
    )  # fmt: skip
    (comparison,) = comparisons([*runs, *read_runs([tmp_path / "d"])])
    for style in STYLES:
        text = render(comparison, style)
        assert "selection (selected on test data)" in text
        if style != "csv":
            assert "saw the test split, except where marked (selected on test data)." in text
    assert row(runs, "seed network") == row([*runs, *read_runs([tmp_path / "d"])], "seed network")
    marked = row(read_runs([tmp_path / "d"]), "test_selection (selected on test data)")
    assert marked["val. acc. % of the pick, in search"] == "–"  # it never had one
    assert marked["val. acc. % of the pick, re-trained"] == "97.50 ± 1.00"


def test_numbers_by_hand(runs):
    full = row(runs, "full")
    assert full["valid %"] == "50"
    assert full["best val. acc. %"] == "97.50"  # 99 % is larger than the seed
    assert full["parameters"] == "600"  # within one point of the seed's 98 %
    assert full["test acc. % of the pick"] == "98.00 ± 1.00"
    assert full["evaluations"] == "3"  # the one that took too long is charged, the lint one not
    assert (full["LLM calls"], full["tokens"]) == ("4", "480")
    assert float(full["hypervolume"]) == pytest.approx(
        (0.975 - 0.1) * 1.2218 + (0.99 - 0.975) * 0.699, abs=1e-3
    )
    assert full["cost"] == "unknown"  # never zero
    nothing = row(runs, "random_mutation")
    assert (nothing["tokens"], nothing["cost"]) == ("0", "0")
    pool = row(runs, "guided~pool:full")
    assert (pool["tokens"], pool["cost"]) == ("unknown", "unknown")
    seed = row(runs, "seed network")
    assert (seed["parameters"], seed["test acc. % of the pick"]) == ("1,000", "98.00 ± 1.00")
    assert float(seed["hypervolume"]) == pytest.approx(0.88)


def test_the_pick_is_the_smallest_within_the_tolerance_else_the_most_accurate(tmp_path):
    children = [
        ("g0.a", evaluated(0.97, 400)),
        ("g0.b", evaluated(0.969, 300)),
        ("g0.c", evaluated(0.98, 900)),
    ]
    record_run(tmp_path / "near", arm="full", seed=0, children=children)
    near = read_run(tmp_path / "near")
    assert near.pick is not None
    assert (near.pick.step, near.within_noise) == ("g0.a", True)  # exactly one point below counts
    children = [("g0.a", evaluated(0.8, 400)), ("g0.b", evaluated(0.5, 300))]
    record_run(tmp_path / "far", arm="full", seed=0, children=children)
    far = read_run(tmp_path / "far")
    assert far.pick is not None
    assert (far.pick.step, far.within_noise) == ("g0.a", False)


def test_it_says_what_it_does_not_show(runs):
    (comparison,) = comparisons(runs)
    notes = " ".join(comparison.notes)
    assert "One seed: a demonstration, supports no conclusion." in notes
    assert "no evidence of GE" in notes
    assert "fates that depend on this machine: 1" in notes
    assert "guided~pool:full, seed 0: not complete" in notes
    assert (
        "search recorded 2026-01-02 with some_LLM 50%; networks trained here" in comparison.headings
    )
    assert "guided~pool:full none in 1 of 1" in comparison.headline
    assert "full 40.0 % fewer parameters" in comparison.headline


def test_runs_that_differ_in_more_than_the_arm_share_no_table(tmp_path):
    children = [("g0.c0", evaluated(0.9, 500))]
    record_run(tmp_path / "a", arm="full", seed=0, children=children)
    record_run(tmp_path / "b", arm="full", seed=0, children=children, comparison="other")
    assert len(comparisons(read_runs([tmp_path / "a", tmp_path / "b"]))) == 2


def test_settings_tell_arms_of_one_name_apart_and_seeds_share_a_row(tmp_path):
    children = [("g0.c0", evaluated(0.9, 500))]
    for name, seed, variant in (("a", 0, "1111"), ("b", 1, "1111"), ("c", 0, "2222")):
        record_run(tmp_path / name, arm="full", seed=seed, children=children, variant=variant)
    (comparison,) = comparisons(read_runs([tmp_path / n for n in "abc"]))
    assert [r[:2] for r in comparison.rows[1:]] == [("full (1111)", "2"), ("full (2222)", "1")]
    assert "supports no conclusion" not in " ".join(comparison.notes)


def test_a_run_that_has_not_begun_is_left_out(tmp_path, runs):
    with Journal(tmp_path / "begun", wait_s=0) as journal:
        journal.record("manifest", {})
    assert read_runs([tmp_path / "begun"]) == []


def test_latex_has_as_many_cells_as_columns_and_escapes_them(runs):
    text = render(comparisons(runs)[0], "latex")
    columns = re.search(r"\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert columns is not None
    assert len(rows) == 5
    for line in rows:
        assert line.count("&") == len(columns[1]) - 1 == len(HEADER) - 1
        assert not re.search(r"(?<!\\)[%_]", line)


def test_json_parses(runs):
    content = json.loads(render(comparisons(runs)[0], "json"))
    assert [r["arm"] for r in content["rows"]] == [
        "seed network", "full", "random_mutation", "guided~pool:full",
    ]  # fmt: skip


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
    assert row(runs, "full")["valid %"] == "25"
    big, small = row(runs, "full, asking big"), row(runs, "full, asking small")
    assert (big["valid %"], big["LLM calls"], big["tokens"]) == ("50", "2", "240")
    assert (small["valid %"], small["LLM calls"], small["tokens"]) == ("0", "2", "240")
    assert big["hypervolume"] == small["parameters"] == "–"


def test_arms_that_differ_in_their_llm_bear_its_name(tmp_path):
    children = [("g0.c0", evaluated(0.9, 500))]
    for name in ("gpt", "qwen"):
        record_run(tmp_path / name, arm="full", seed=0, children=children, variant=name, asked=name)
    (comparison,) = comparisons(read_runs([tmp_path / "gpt", tmp_path / "qwen"]))
    assert [r[0] for r in comparison.rows[1:]] == ["full (gpt)", "full (qwen)"]


def test_what_calls_came_to_is_said(tmp_path):
    details = [{"repairs": "2"}, {"repairs": "1"}, {"extraction": "left out B"}]
    children = [("g0.c0", LINT), ("g0.c1", evaluated(0.9, 500)), ("g0.c2", LINT)]
    record_run(tmp_path, arm="full", seed=0, children=children, details=details)
    with Journal(tmp_path, wait_s=0) as journal:
        failure = {"told": "", "latency_s": 1.0}
        reserved = {"calls": 1, "prompt_tokens": 20, "completion_tokens": 10, "cost": 0.5}
        journal.record("sent/g0.c0.mutation/0", {"reserved": reserved})
        journal.record("failed/g0.c0.mutation/0", failure | {"kind": "timeout"})
        journal.record("sent/g0.c0.mutation/1", {"reserved": reserved})
        journal.record("failed/g0.c0.mutation/1", failure | {"kind": "rate"})
        journal.record("sent/g0.c0.mutation/2", {"reserved": reserved})
        journal.record("refused/g1.c0.mutation", {"limit": "tokens"})
    notes = " ".join(comparisons(read_runs([tmp_path]))[0].notes)
    assert "asked 3 times to repair what a gate refused; 1 of 2 children whose last answer" in notes
    assert "may have been billed: 1, with at most 30 tokens and 0.5; not in the table." in notes
    assert "ended by budget.tokens; calls not sent: 1." in notes
    assert "answers with more than asked for, or under another name: 1." in notes
    assert "Measured on cpu with torch 2.9, Python 3.11.7, sandbox isolated, by" in notes
