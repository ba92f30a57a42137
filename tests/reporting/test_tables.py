"""The table from journals alone: golden files, arithmetic, honesty."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import measures
from harness.analysis.arm import arms_of
from harness.analysis.comparison import compare, comparisons
from harness.analysis.curves.trajectory import anytime, evaluations_to_target, trajectory
from harness.analysis.loading import read_run, read_runs, runs_below
from harness.analysis.statistics.paired import Shift
from harness.reporting import footnotes
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.formatting import ARM
from harness.reporting.notes.note import texts_of
from harness.reporting.tables import STYLES, SUFFIXES, Document, Table, render
from harness.text import one_line
from tests.conftest import ROOT
from tests.support.records import LINT, SLOW, evaluated, record_run
from tests.support.tables import described, row

GOLDEN = ROOT / "tests" / "golden"


@pytest.mark.parametrize("style", STYLES)
def test_golden(study, style):
    (comparison,) = comparisons(runs_below(study).runs)
    golden = GOLDEN / f"table.{SUFFIXES[style]}"
    assert render(describe_comparison(comparison), style) == golden.read_text()


def test_numbers_by_hand(runs):
    full = row(runs, "full")
    assert (full["runs_complete"], full["runs_planned"], full["valid"]) == ("1", "1", "0.5")
    assert full["best_validation"] == "0.975"  # 99 % is larger than the seed
    assert full["parameters"] == "600.0"  # within one point of the seed's 98 %
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
    assert full["cost"] == ""  # never zero
    assert full["reasons"] == "cost: unknown; search_s: unknown; search_cost: unknown"
    assert (full["to_target"], full["to_target_reached"], full["to_target_of"]) == ("", "0", "1")
    nothing = row(runs, "random_mutation")
    assert (nothing["prompt_tokens"], nothing["cost"]) == ("0.0", "0.0")
    pool = row(runs, "guided~pool:full")
    assert pool["prompt_tokens"] == pool["completion_tokens"] == pool["cost"] == ""
    assert pool["reasons"].startswith(
        "prompt_tokens: 12 characters; completion_tokens: 6 characters; cost: unknown"
    )
    seed = row(runs, "seed network")
    assert (seed["parameters"], float(seed["test_score"])) == ("1000.0", pytest.approx(0.98))
    assert float(seed["hypervolume"]) == pytest.approx(0.88)


def test_what_had_been_found_after_each_evaluation(runs):
    full, random_mutation, _ = runs
    assert [(p.evaluations, p.best, p.tokens, p.train_s) for p in trajectory(full)] == [
        (1, 0.975, 120, 1.5),
        (2, 0.975, 360, 3.0),  # asked twice since; what is larger than the seed does not count
        (3, 0.975, 480, 3.0),  # a training that took too long is charged and finds nothing
    ]
    assert [p.seconds for p in trajectory(full)] == [
        2.5,
        6.0,
        None,
    ]  # which took nobody knows how long
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


@given(
    st.none() | st.text() | st.integers() | st.floats()
    | st.builds(Shift, estimate=st.floats(), low=st.none() | st.floats(), high=st.none() | st.floats())
)  # fmt: skip
def test_json_and_csv_tell_what_is_infinite_from_what_is_missing(value):
    row = {"arm": "a", "difference": value}
    table = Table(name="compared", shows="t", columns=(ARM,), rows=(row,), notes=())
    document = Document(title="a", headings=(), tables=(table,), headline="", notes=())

    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    content = json.loads(render(document, "json"), parse_constant=refuse)
    shown = content["tables"]["compared"]["rows"][0]
    row_of_csv = next(csv.DictReader(io.StringIO(render(document, "csv"))))
    parts = vars(value) if isinstance(value, Shift) else {"estimate": value}
    for part, mine in parts.items():
        name = "difference" if part == "estimate" else f"difference_{part}"
        in_json, in_csv = shown[name], row_of_csv[name]
        reasons = shown["reasons"] or ""
        if mine is None:
            assert (in_json, in_csv) == (None, "")
            assert f"{name}: " not in reasons
        elif isinstance(mine, str):  # such as "unknown": no number, and told apart
            assert (in_json, in_csv) == (None, "")
            assert reasons == f"difference: {one_line(mine)}"
            assert row_of_csv["reasons"]
        else:
            assert str(float(in_csv)) == str(float(mine))
            if math.isfinite(mine):
                assert in_json == float(mine)  # a field of this type
            else:
                assert in_json is None
                assert f"{name}: {float(mine)}" in reasons


def test_one_seed_has_no_headline_and_every_table_says_so(runs, study):
    one = describe_comparison(compare(runs))
    assert one.headline == ""
    assert one.title.endswith(": one seed, a demonstration that supports no conclusion")
    captions = [line for line in render(one, "latex").splitlines() if line.startswith(r"\caption")]
    assert len(captions) == render(one, "latex").count(r"\begin{tabular}") >= 4
    assert all("one seed, a demonstration" in caption for caption in captions)
    eight = describe_comparison(compare(runs_below(study).runs))
    assert eight.headline.count(" runs)") == 3
    assert "one seed" not in eight.title


def test_what_is_unknown_of_the_llms_that_answered_is_told(tmp_path):
    record_run(tmp_path / "a", arm="full", seed=0, children=[("g0.c0", evaluated(0.98, 500))])
    run = read_run(tmp_path / "a")

    def told(**changes):
        calls = {step: replace(call, **changes) for step, call in run.calls.items()}
        return [
            note for note in texts_of(describe_comparison(compare([replace(run, calls=calls)])).notes)
            if "on record" in note or "unknown" in note
        ]  # fmt: skip

    assert told() == [
        "No version is on record of: some_LLM.",
        "Sampling settings that were applied, such as the temperature, are unknown for answers by: "
        "some_LLM.",
    ]
    assert len(told(model="llm-2.1")) == len(told(reports_settings=True)) == 1
    assert told(model="llm-2.1", reports_settings=True) == []


def test_training_time_is_that_of_re_trainings(tmp_path):
    """Each of them takes two seconds; the search had 2.0 and 1.5."""
    record_run(tmp_path / "a", arm="full", seed=0, children=[("g0.c0", evaluated(0.98, 500))])
    assert row(read_runs([tmp_path / "a"]), "full")["time_ratio"] == "1.0"


def test_runs_that_save_as_much_as_matters_are_counted(tmp_path):
    for seed, size in enumerate((100, 990, 300)):
        record_run(tmp_path / str(seed), arm="full", seed=seed,
                   children=[("g0.c0", evaluated(0.98, size))])  # fmt: skip
    mine = row(read_runs(sorted(tmp_path.iterdir())), "full")
    assert float(mine["saves"]) == pytest.approx(2 / 3)
    assert 0.09 < float(mine["saves_low"]) < 0.1
    document = describe_comparison(compare(read_runs(sorted(tmp_path.iterdir()))))
    assert document.headline.endswith(
        "how many runs save 0.15 decades (29 % fewer parameters) or more: full 70.0 % (2 of 3 runs)."
    )


def test_the_best_network_within_the_seed_size_has_a_spread(tmp_path):
    for seed, final in enumerate((0.95, 0.97, 0.99)):
        record_run(tmp_path / str(seed), arm="full", seed=seed, finals=(final,) * 3,
                   children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    mine = row(read_runs(sorted(tmp_path.iterdir())), "full")
    ends = [mine[f"small_test_score{end}"] for end in ("", "_low", "_high")]
    assert list(map(float, ends)) == pytest.approx([0.97, 0.96, 0.98])


def cells_of(text):
    """The tables of a Markdown text, each a list of rows of cells, without the rule."""
    tables = [[]]
    for line in text.splitlines():
        if line.startswith("| ") and "---" not in line:
            tables[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif tables[-1] and not line.startswith("|"):
            tables.append([])
    return [table for table in tables if table]


@pytest.mark.parametrize("complete", [True, False, None])
def test_no_row_and_no_column_holds_dashes_alone(tmp_path, complete):
    """All runs are complete, or none, or those of one arm."""
    for arm in ("full", "other"):
        record_run(tmp_path / arm, arm=arm, seed=0, complete=arm == "full" if complete is None else complete,
                   tokens=0, children=[("g0.c0", evaluated(0.98, 500)), ("g0.c1", LINT)])  # fmt: skip
    found = read_runs([tmp_path / "full", tmp_path / "other"])
    tables = cells_of(described(found, "markdown"))
    for header, *rows in tables:
        assert rows
        assert all({*row[1:]} - {"–"} for row in rows)
        for name, *column in list(zip(header, *rows, strict=True))[1:]:
            assert {*column} - {"–"}, name
    assert len(tables) == (4 if complete else 3)
    content = json.loads(described(found, "json"))["tables"]
    assert content["took"]["rows"][0].keys() >= {"llm", "refused", "cost"}  # none is lost
    compared = content["compared"]["rows"]
    assert [one["p"] for one in compared] == ([] if complete is None else [None])


def test_arms_that_proposed_the_same_are_said_to_be_one_search(tmp_path):
    for arm, sizes in {"full": (500, 500), "no_eot": (500, 400), "width": (300, 300)}.items():
        for seed, size in enumerate(sizes):
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, size))])  # fmt: skip
    notes = texts_of(footnotes.on_events(arms_of(read_runs(sorted(tmp_path.iterdir())))))
    assert [note for note in notes if "the same proposals" in note] == [
        "full and no_eot, seed 0: the same proposals, so one search; what the arms differ in had no "
        "effect."
    ]


def test_a_heading_announces_a_range_where_there_is_one(runs, study):
    one, eight = (
        cells_of(described(found, "markdown")) for found in (runs, runs_below(study).runs)
    )
    headings = [[cell for row in tables for cell in row[0]] for tables in (one, eight)]
    assert "hypervolume" in headings[0]
    assert "hypervolume [quartiles]" in headings[1]
    assert "selected: test acc. % [95 % CI]" in headings[0]  # of the seed network
    assert "difference (Hodges-Lehmann)" in headings[0]
    assert "difference (Hodges-Lehmann) [95 % CI]" in headings[1]


def test_no_interval_of_accuracies_leaves_what_scores_can_be(tmp_path):
    record_run(tmp_path / "a", arm="full", seed=0, finals=(1.0, 0.97, 1.0),
               children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    seed = row(read_runs([tmp_path / "a"]), "seed network")
    assert seed["test_score_high"] == "1.0"
    assert 0.9 < float(seed["test_score_low"]) < 0.97


def test_the_selected_network_is_the_smallest_within_the_tolerance_else_the_most_accurate(tmp_path):
    children = [
        ("g0.a", evaluated(0.97, 400)),
        ("g0.b", evaluated(0.969, 300)),
        ("g0.c", evaluated(0.98, 900)),
    ]
    record_run(tmp_path / "near", arm="full", seed=0, children=children)
    near = read_run(tmp_path / "near")
    assert near.selected is not None
    assert near.selected.step == "g0.a"  # exactly one point below counts
    children = [("g0.a", evaluated(0.8, 400)), ("g0.b", evaluated(0.5, 300))]
    record_run(tmp_path / "far", arm="full", seed=0, children=children)
    far = read_run(tmp_path / "far")
    assert far.selected is not None
    assert far.selected.step == "g0.a"


def test_json_parses(runs):
    content = json.loads(described(runs, "json"))
    assert [r["arm"] for r in content["tables"]["found"]["rows"]] == [
        "seed network", "full", "random_mutation", "guided~pool:full",
    ]  # fmt: skip
    assert content["reference"] == "full"


def test_what_was_recorded_of_the_data_for_readers_is_told_below_the_table(tmp_path):
    record_run(tmp_path / "a", arm="full", seed=0, children=[("g0.c0", evaluated(0.98, 500))])
    (run,) = read_runs([tmp_path / "a"])
    data = replace(run.manifest.data, details={"notes": ["1 of 4 test images", 5, "a\x1b[2J"]})
    known = replace(run, manifest=replace(run.manifest, data=data))
    assert "Data: 1 of 4 test images" in texts_of(footnotes.on_events(arms_of([known, known])))
    assert (
        sum(note.text.startswith("Data: ") for note in footnotes.on_events(arms_of([known, run])))
        == 1
    )


def test_what_is_unknown_is_no_failure(tmp_path):
    for seed, name in enumerate("ab"):
        record_run(tmp_path / name, arm="full", seed=seed, finals=(),
                   children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
        record_run(tmp_path / f"other {name}", arm="other", seed=seed,
                   children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    found = read_runs(sorted(tmp_path.iterdir()))
    assert describe_comparison(compare(found)).headline.endswith(
        "or more: full unknown, other 50.0 % (2 of 2 runs)."
    )
    unknown = [run for run in found if run.arm == "full"]
    assert describe_comparison(compare(unknown)).headline == ""


def test_no_parameters_are_saved_against_a_seed_network_that_learnt_nothing(tmp_path):
    def document(name, finals, n_test):
        for seed in (0, 1):
            record_run(
                tmp_path / name / str(seed), arm="full", seed=seed, finals=finals,
                data={"n_test": n_test}, children=[("g0.c0", evaluated(0.98, 500))],
            )  # fmt: skip
        found = read_runs([tmp_path / name / "0", tmp_path / name / "1"])
        return found[0], describe_comparison(compare(found))

    told = "the seed network learnt nothing, its score is at chance"
    for name, finals, n_test in (("at", (0.1, 0.1, 0.1), 360), ("near", (0.12, 0.13, 0.11), 360)):
        run, found = document(name, finals, n_test)
        assert measures.saved(run) is None
        assert found.headline == (
            "No sentence on the parameters saved: at seeds 0 to 1 the seed network is at chance, so "
            "that any network is as good."
        )
        assert any(told in note.text for note in found.notes)
    run, found = document("above", (0.12, 0.13, 0.11), 36_000)
    assert measures.saved(run) is not None
    assert "full 50.0 % (2 of 2 runs)" in found.headline
    assert not any(told in note.text for note in found.notes)


def test_a_headline_that_is_not_the_primary_measure_is_exploratory(tmp_path):
    for seed in (0, 1):
        record_run(tmp_path / str(seed), arm="full", seed=seed,
                   children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    runs = read_runs([tmp_path / "0", tmp_path / "1"])
    assert describe_comparison(compare(runs)).headline.startswith("Parameters saved by")
    known = runs[0].manifest.settings
    other = {**known, "final": {**known["final"], "measure": "hypervolume"}}
    runs = [replace(r, manifest=replace(r.manifest, settings=other)) for r in runs]
    headline = describe_comparison(compare(runs)).headline
    assert headline.startswith("Exploratory, since the primary measure is hypervolume. Parameters")
