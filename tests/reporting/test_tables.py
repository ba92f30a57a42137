"""The table from journals alone: golden files, arithmetic, honesty."""

import csv
import io
import json
import random
import re
import sqlite3

import pytest

from harness.analysis.comparison import compare, comparisons
from harness.analysis.loading import read_run, read_runs, runs_below
from harness.analysis.stats import mean_interval, signed_rank
from harness.analysis.trajectory import anytime, evaluations_to_target, trajectory
from harness.errors import InputError
from harness.record.events import read_event
from harness.record.journal import JOURNAL_NAME, Journal
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.formatting import latex
from harness.reporting.tables import STYLES, SUFFIXES, render, render_all
from tests.conftest import ROOT
from tests.support.commands import run_main as command
from tests.support.records import LINT, SLOW, evaluated, manifest, record_run

GOLDEN = ROOT / "tests" / "golden"


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
        tmp_path / "c", arm="guided~pool:full", seed=0, tokens=None,
        children=[("g0.c0", evaluated(0.5, 100))],
    )  # fmt: skip
    return read_runs([tmp_path / "a", tmp_path / "b", tmp_path / "c"])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Eight seeds of three arms: one better than chance, one like it, one that ended early."""
    folder, draw = tmp_path_factory.mktemp("study"), random.Random(5)
    for seed in range(8):
        for arm, size in (("full", 300), ("random_mutation", 800), ("no_eot", 500)):
            if (arm, seed) == ("no_eot", 7):
                continue
            score = 0.975 + draw.randrange(10) / 1000
            n_params = size + draw.randrange(100)
            record_run(
                folder / f"{arm}-{seed}", arm=arm, seed=seed,
                tokens=0 if arm == "random_mutation" else 100,
                price={"prompt": 1.0, "completion": 2.0},
                complete=(arm, seed) != ("no_eot", 6),
                finals=[score - draw.randrange(20) / 1000 for _ in range(3)],
                children=[("g0.c0", LINT), ("g0.c1", evaluated(score, n_params)),
                          ("g0.c2", SLOW), ("g1.c0", evaluated(0.9, n_params - 100))],
            )  # fmt: skip
    return folder


@pytest.mark.parametrize("style", STYLES)
def test_golden(study, style):
    (comparison,) = comparisons(runs_below(study).runs)
    golden = GOLDEN / f"table.{SUFFIXES[style]}"
    assert render(describe_comparison(comparison), style) == golden.read_text()


def described(runs, style, *, reference=None, **chosen):
    """The tables of runs that may be compared, as text."""
    return render(describe_comparison(compare(runs, reference=reference), **chosen), style)


def row(runs, arm, **chosen):
    """A row of all tables together, as CSV has it."""
    rows = csv.DictReader(io.StringIO(described(runs, "csv", **chosen)))
    return next(r for r in rows if r["arm"] == arm)


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


def test_numbers_by_hand(runs):
    full = row(runs, "full")
    assert (full["seeds"], full["valid"]) == ("1/1", "0.5")
    assert full["best_validation"] == "0.975"  # 99 % is larger than the seed
    assert full["parameters"] == "600"  # within one point of the seed's 98 %
    assert float(full["test_score"]) == pytest.approx(0.98)
    assert full["test_score_low"] == full["hypervolume_low"] == ""  # of one run
    assert full["evaluations"] == "3.0"  # the one that took too long is charged, the lint one not
    assert full["refused"] == "25 lint, 25 train"
    assert (full["calls"], full["prompt_tokens"], full["completion_tokens"]) == (
        "4.0", "400.0", "80.0",
    )  # fmt: skip
    assert float(full["hypervolume"]) == pytest.approx(
        (0.975 - 0.1) * 1.2218 + (0.99 - 0.975) * 0.699, abs=1e-3
    )
    assert full["cost"] == "unknown"  # never zero
    assert (full["to_target"], full["to_target_reached"], full["to_target_of"]) == ("", "0", "1")
    nothing = row(runs, "random_mutation")
    assert (nothing["prompt_tokens"], nothing["cost"]) == ("0.0", "0.0")
    pool = row(runs, "guided~pool:full")
    assert (pool["prompt_tokens"], pool["cost"]) == ("unknown", "unknown")
    seed = row(runs, "seed network")
    assert (seed["parameters"], float(seed["test_score"])) == ("1000", pytest.approx(0.98))
    assert float(seed["hypervolume"]) == pytest.approx(0.88)


def test_what_had_been_found_after_each_evaluation(runs):
    full, random_mutation, _ = runs
    assert [(p.evaluations, p.best, p.tokens, p.train_s) for p in trajectory(full)] == [
        (1, 0.975, 120, 1.5),
        (2, 0.975, 360, 3.0),  # asked twice since; what is larger than the seed does not count
        (3, 0.975, 480, 3.0),  # a training that took too long is charged and finds nothing
    ]
    heights = [p.hypervolume for p in trajectory(full)]
    assert heights[-1] == pytest.approx(full.hypervolume)
    assert heights == sorted(heights)
    assert anytime(full) == pytest.approx(sum(heights) / 3)
    two = [p.hypervolume for p in trajectory(random_mutation)]  # of a budget of three
    assert anytime(random_mutation) == pytest.approx((two[0] + 2 * two[1]) / 3)
    assert trajectory(runs[2])[0].tokens is None


def test_evaluations_to_the_target_count_those_of_runs_that_never_reached_it(tmp_path):
    near, small = evaluated(0.972, 501), evaluated(0.97, 500)
    for seed, children in enumerate(([near, LINT, small], [SLOW, small], [near, near, near])):
        steps = [(f"g0.c{i}", outcome) for i, outcome in enumerate(children)]
        record_run(tmp_path / str(seed), arm="full", seed=seed, children=steps)
    found = read_runs([tmp_path / str(seed) for seed in range(3)])
    assert [evaluations_to_target(run) for run in found] == [2, 2, None]
    mine = row(found, "full")
    assert (float(mine["to_target"]), mine["to_target_reached"], mine["to_target_of"]) == (
        (2 + 2 + 3) / 2, "2", "3",
    )  # fmt: skip


def test_arms_are_compared_at_the_seeds_that_both_finished(study):
    found = runs_below(study).runs
    by_arm = {
        arm: {r.seed: r.hypervolume for r in found if r.arm == arm and r.complete}
        for arm in ("full", "random_mutation", "no_eot")
    }
    pairs = [by_arm["no_eot"][s] - by_arm["full"][s] for s in range(6)]
    worse = [by_arm["random_mutation"][s] - by_arm["full"][s] for s in range(8)]
    no_eot, random_mutation = row(found, "no_eot"), row(found, "random_mutation")
    assert (no_eot["seeds"], no_eot["pairs"], no_eot["p"]) == ("6/8", "6", str(signed_rank(pairs)))
    assert float(no_eot["difference"]) == pytest.approx(mean_interval(pairs).mean)
    assert float(no_eot["difference_low"]) == pytest.approx(mean_interval(pairs).low)
    assert float(random_mutation["superiority"]) == sum(d > 0 for d in worse) / 8
    assert float(random_mutation["p"]) == pytest.approx(2 * signed_rank(worse))  # Holm, of two


def test_reference_and_measure_are_chosen(study):
    found = runs_below(study).runs
    mine = row(found, "full", reference="random_mutation", measure="test_score")
    scores = {
        (r.arm, r.seed): sum(r.finals[r.selected.step]) / 3 for r in found if r.arm != "no_eot"
    }
    mean = sum(
        scores["full", s] - scores["random_mutation", s] for s in range(8)
    ) / 8  # fmt: skip
    assert float(mine["difference"]) == pytest.approx(mean)
    with pytest.raises(InputError, match="--reference: expected an arm of the table, one of full"):
        compare(found, reference="none")
    assert mine == row(found, "full", reference="random_mutation", measure="test_accuracy")
    with pytest.raises(InputError, match="--measure: expected one of test_score, "):
        described(found, "csv", measure="beauty")
    done = command(study, "--measure", "anytime", "--reference", "no_eot", module="harness.table")
    assert "Against no_eot: anytime hypervolume" in done.stdout


def test_no_interval_of_accuracies_leaves_what_scores_can_be(tmp_path):
    record_run(tmp_path / "a", arm="full", seed=0, finals=(1.0, 0.97, 1.0),
               children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    seed = row(read_runs([tmp_path / "a"]), "seed network")
    assert seed["test_score_high"] == "1.0"
    assert 0.9 < float(seed["test_score_low"]) < 0.97


def test_a_run_that_has_not_ended_is_no_score(tmp_path, runs):
    record_run(
        tmp_path / "d", arm="late", seed=0, complete=False, children=[("g0.c0", evaluated(0.9, 9))]
    )
    text = described([*runs, *read_runs([tmp_path / "d"])], "markdown")
    late = row([*runs, *read_runs([tmp_path / "d"])], "late")
    assert late["seeds"] == "0/1"
    assert {late[name] for name in ("hypervolume", "test_score", "difference")} == {""}
    assert "late, seed 0: not complete; the same command resumes it." in text


def test_the_selected_network_is_the_smallest_within_the_tolerance_else_the_most_accurate(tmp_path):
    children = [
        ("g0.a", evaluated(0.97, 400)),
        ("g0.b", evaluated(0.969, 300)),
        ("g0.c", evaluated(0.98, 900)),
    ]
    record_run(tmp_path / "near", arm="full", seed=0, children=children)
    near = read_run(tmp_path / "near")
    assert near.selected is not None
    assert (near.selected.step, near.within_noise) == (
        "g0.a",
        True,
    )  # exactly one point below counts
    children = [("g0.a", evaluated(0.8, 400)), ("g0.b", evaluated(0.5, 300))]
    record_run(tmp_path / "far", arm="full", seed=0, children=children)
    far = read_run(tmp_path / "far")
    assert far.selected is not None
    assert (far.selected.step, far.within_noise) == ("g0.a", False)


def test_it_says_what_it_does_not_show(runs):
    document = describe_comparison(compare(runs))
    notes = " ".join(document.notes)
    assert "One seed: a demonstration, supports no conclusion." in notes
    assert "no evidence of GE" in notes
    assert "which may not happen on another machine: 1." in notes
    assert (
        "search recorded 2026-01-02 with some_LLM 50%; networks trained here" in document.headings
    )
    assert "guided~pool:full none (0 of 1 runs)" in document.headline
    assert "full 40.0 % fewer parameters (1 of 1 runs; when re-trained 1)" in document.headline


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


def test_latex_has_as_many_cells_as_columns_and_escapes_them(runs):
    text = described(runs, "latex")
    tables = text.split(r"\begin{tabular}")[1:]
    assert len(tables) == 3
    for table in tables:
        columns = re.match(r"\{(\w+)\}", table)
        body = table[: table.index(r"\end{tabular}")]
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert len(rows) in {3, 4, 5}
        for line in rows:
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns[1]) - 1
            assert not re.search(r"(?<!\\)[%_#]", line)


def test_latex_escapes_whatever_an_arm_is_called():
    assert latex(r"a\b_{1}~^&%$# +0.5 [-0.1, 0.2] re-trained") == (
        r"a\textbackslash{}b\_\{1\}\textasciitilde{}\textasciicircum{}\&\%\$\# $+$0.5 [$-$0.1, 0.2] "
        "re-trained"
    )


def test_json_parses(runs):
    content = json.loads(described(runs, "json"))
    assert [r["arm"] for r in content["tables"]["found"]["rows"]] == [
        "seed network", "full", "random_mutation", "guided~pool:full",
    ]  # fmt: skip
    assert content["reference"] == "full"


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
    notes = " ".join(describe_comparison(compare(read_runs([tmp_path]))).notes)
    assert "asked 3 times to repair what a gate refused; 1 of 2 children whose last answer" in notes
    assert "may have been billed: 1, with at most 30 tokens and 0.5; not in the table." in notes
    assert "ended by budget.tokens; calls not sent: 1." in notes
    assert "answers with more than requested, or under another name: 1." in notes
    assert "Measured on cpu with torch 2.9, Python 3.11.7, sandbox isolated, by" in notes
