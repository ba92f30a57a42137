"""The table from journals alone: golden files, arithmetic, honesty."""

import csv
import io
import json
import math
import random
import re
import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.comparison import compare, comparisons
from harness.analysis.curves.trajectory import anytime, evaluations_to_target, trajectory
from harness.analysis.loading import read_run, read_runs, runs_below
from harness.analysis.metrics import METRICS
from harness.analysis.statistics.paired import Shift, shift, signed_rank
from harness.errors import InputError
from harness.reporting import footnotes
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.formatting import ARM, Column, latex, markdown_cell
from harness.reporting.tables import STYLES, SUFFIXES, Document, Table, aligned, render
from tests.conftest import ROOT
from tests.support.commands import run_main as command
from tests.support.records import LINT, SLOW, evaluated, record_run
from tests.support.tables import described, row

GOLDEN = ROOT / "tests" / "golden"


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
    assert (pool["prompt_tokens"], pool["completion_tokens"], pool["cost"]) == (
        "12 characters", "6 characters", "unknown",
    )  # fmt: skip
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


def test_arms_are_compared_at_the_seeds_that_both_finished(study):
    found = runs_below(study).runs
    by_arm = {
        arm: {r.seed: r.hypervolume for r in found if r.arm == arm and r.complete}
        for arm in ("full", "random_mutation", "no_eot")
    }
    pairs = [by_arm["no_eot"][s] - by_arm["full"][s] for s in range(6)]
    worse = [by_arm["random_mutation"][s] - by_arm["full"][s] for s in range(8)]
    no_eot, random_mutation = (
        row(found, arm, measure="hypervolume") for arm in ("no_eot", "random_mutation")
    )
    assert (no_eot["seeds"], no_eot["pairs"], no_eot["p"]) == ("6/8", "6", str(signed_rank(pairs)))
    assert float(no_eot["difference"]) == pytest.approx(shift(pairs).estimate)
    assert float(no_eot["difference_low"]) == pytest.approx(shift(pairs).low)
    assert float(random_mutation["superiority"]) == sum(d > 0 for d in worse) / 8
    assert float(random_mutation["p"]) == pytest.approx(2 * signed_rank(worse))  # Holm, of two


def test_reference_and_measure_are_chosen(study):
    found = runs_below(study).runs
    mine = row(found, "full", reference="random_mutation", measure="test_score")
    scores = {
        (r.arm, r.seed): sum(r.finals[r.selected.step]) / 3 for r in found if r.arm != "no_eot"
    }
    gaps = [scores["full", s] - scores["random_mutation", s] for s in range(8)]
    means = [(a + b) / 2 for i, a in enumerate(gaps) for b in gaps[i:]]
    assert float(mine["difference"]) == pytest.approx(statistics.median(means))
    with pytest.raises(InputError, match="--reference: expected an arm of the table, one of full"):
        compare(found, reference="none")
    assert mine == row(found, "full", reference="random_mutation", measure="test_accuracy")
    with pytest.raises(InputError, match="--measure: expected one of saved, test_score, "):
        described(found, "csv", measure="beauty")
    done = command(study, "--measure", "anytime", "--reference", "no_eot", module="harness.table")
    assert "Against no_eot, exploratory: anytime hypervolume" in done.stdout


def runs_of_two_arms(folder, finals, *, seeds=7, **settings):
    """Two arms whose selected networks have these test scores at each seed."""
    for arm, scores in finals.items():
        for seed in range(seeds):
            record_run(
                folder / f"{arm}-{seed}", arm=arm, seed=seed, finals=scores(seed),
                children=[("g0.c0", evaluated(0.98, 500))], **settings,
            )  # fmt: skip
    return read_runs(sorted(folder.iterdir()))


def test_a_failed_re_training_counts_as_the_worst_and_is_also_left_out(tmp_path):
    found = runs_of_two_arms(
        tmp_path,
        {
            "full": lambda seed: (0.97, 0.98, 0.99)[: 1 if seed == 3 else 3],
            "other": lambda seed: (0.97, 0.98, 0.981 + seed / 1000),
        },
    )
    document = describe_comparison(compare(found, reference="other"), measure="test_score")
    (table,) = [table for table in document.tables if table.name == "compared"]
    worst, known = table.rows
    assert (worst["pairs"], known["pairs"]) == (7, 6)
    assert (worst["arm"], known["arm"]) == ("full", "full, without missing values")
    assert worst["verdict"] == "inconclusive"
    assert {name for name, value in known.items() if value is not None} == {
        "arm",
        "pairs",
        "difference",
    }
    assert worst["difference"].low == -math.inf
    assert known["difference"].low == pytest.approx(0.001, abs=1e-3)
    assert any("one failed, counts as worse than any value; 1 pair here" in n for n in table.notes)
    texts = {style: render(document, style) for style in STYLES}
    assert "[-∞, " in texts["markdown"]
    assert r"[$-$$\infty$, " in texts["latex"]
    (row_of_json, _) = json.loads(texts["json"])["tables"]["compared"]["rows"]
    assert row_of_json["difference"]["low"] == "-inf"  # and not null, which would be missing
    assert float(row_of_json["difference"]["low"]) == worst["difference"].low
    rows_of_csv = csv.DictReader(io.StringIO(texts["csv"]))
    assert float(next(r for r in rows_of_csv if r["arm"] == "full")["difference_low"]) == -math.inf


@given(
    st.none() | st.text() | st.integers() | st.floats()
    | st.builds(Shift, estimate=st.floats(), low=st.none() | st.floats(), high=st.none() | st.floats())
)  # fmt: skip
def test_json_and_csv_tell_what_is_infinite_from_what_is_missing(value):
    table = Table(
        name="t", title="t", columns=(ARM,), rows=({"arm": "a", "value": value},), notes=()
    )
    document = Document(title="a", headings=(), tables=(table,), headline="", notes=())

    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    content = json.loads(render(document, "json"), parse_constant=refuse)
    shown = content["tables"]["t"]["rows"][0]["value"]
    row_of_csv = next(csv.DictReader(io.StringIO(render(document, "csv"))))
    cells = [row_of_csv[name] for name in row_of_csv if name.startswith("value")]
    parts = [value] if not isinstance(value, Shift) else list(vars(value).values())
    known = [shown] if not isinstance(shown, dict) else list(shown.values())
    for part, in_json, in_csv in zip(parts, known, cells, strict=True):
        assert (part is None) is (in_json is None)
        assert part is not None or in_csv == ""
        if isinstance(part, float):
            assert str(float(in_json)) == str(float(in_csv)) == str(part)


@pytest.mark.parametrize(("lead", "verdict"), [(0.0, "no relevant difference"), (0.4, "better")])
def test_an_interval_within_the_least_relevant_difference_shows_none(tmp_path, lead, verdict):
    for seed in range(8):
        for arm, size in (("full", 500), ("other", 500 / 10**lead)):
            children = [("g0.c0", evaluated(0.98, round(size) + seed))]
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed, children=children,
                       settings={"final": {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9, "measure": "saved"}})  # fmt: skip
    comparison = compare(read_runs(sorted(tmp_path.iterdir())))
    (table,) = [t for t in describe_comparison(comparison).tables if t.name == "compared"]
    assert table.rows[0]["verdict"] == verdict
    assert any(
        "shown to lie within ± 0.150, the least difference that matters" in note
        for note in table.notes
    )


def runs_by_accuracy_alone(folder, seeds=8):
    """Two arms as good as each other, of which one ignores sizes, and what they are held against."""
    for arm, size in (("full", 500), ("single_objective", 900), ("no_eot", 500)):
        for seed in range(seeds):
            record_run(folder / f"{arm}-{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, size + seed))])  # fmt: skip
    return [
        replace(run, manifest=replace(run.manifest, score_only=run.arm == "single_objective"))
        for run in read_runs(sorted(folder.iterdir()))
    ]


def test_an_arm_that_ignores_sizes_has_no_verdict_by_a_measure_of_sizes(tmp_path):
    found = runs_by_accuracy_alone(tmp_path)

    def compared(**options):
        document = describe_comparison(
            compare(found, reference=options.pop("reference", None)), **options
        )
        rows = [row for table in document.tables if table.name == "compared" for row in table.rows]
        return {row["arm"]: row for row in rows}, " ".join(document.notes)

    rows, notes = compared()
    assert rows.keys() == {"no_eot"}
    assert rows["no_eot"]["p"] == rows["no_eot"]["p_alone"]  # a family of one
    assert (
        "Not compared by decades of parameters saved, which counts sizes: single_objective" in notes
    )
    rows, notes = compared(measure="test_score")
    assert rows.keys() == {"no_eot", "single_objective"}
    assert "counts sizes" not in notes
    assert compared(reference="single_objective")[0] == {}


def test_a_reference_that_is_not_the_default_makes_a_comparison_exploratory(study):
    found = runs_below(study).runs
    by_default, chosen, same = (
        describe_comparison(compare(found, reference=name)).tables[2]
        for name in (None, "random_mutation", "full")
    )
    assert by_default.title.startswith("Against full, primary: ")
    assert chosen.title.startswith("Against random_mutation, exploratory: ")
    assert chosen.notes[0] == "Exploratory: the reference was chosen for this table (--reference)."
    assert (same.title, same.notes, same.rows) == (
        by_default.title,
        by_default.notes,
        by_default.rows,
    )


def test_a_comparison_by_scores_of_the_search_says_that_luck_is_included(study):
    comparison = compare(runs_below(study).runs)
    titles = {
        measure: describe_comparison(comparison, measure=measure).tables[2].title
        for measure in ("saved", "hypervolume", "anytime")
    }
    assert {name for name, title in titles.items() if title.endswith(", luck included")} == {
        "hypervolume", "anytime",
    }  # fmt: skip


def test_one_seed_has_no_headline_and_every_table_says_so(runs, study):
    one = describe_comparison(compare(runs))
    assert one.headline == ""
    assert one.title.endswith(": one seed, a demonstration that supports no conclusion")
    captions = [line for line in render(one, "latex").splitlines() if line.startswith(r"\caption")]
    assert len(captions) == 4
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
            note for note in describe_comparison(compare([replace(run, calls=calls)])).notes
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


def test_runs_that_save_are_counted(tmp_path):
    for seed, size in enumerate((100, 2000, 300)):
        record_run(tmp_path / str(seed), arm="full", seed=seed,
                   children=[("g0.c0", evaluated(0.98, size))])  # fmt: skip
    mine = row(read_runs(sorted(tmp_path.iterdir())), "full")
    assert float(mine["saves"]) == pytest.approx(2 / 3)
    assert 0.09 < float(mine["saves_low"]) < 0.1


def test_the_error_of_the_test_images_is_told_with_the_intervals_that_lack_it(runs):
    """Of 360 images at 98 %: 1.96 times the root of 0.98 times 0.02 over 360."""
    known = replace(runs[0].manifest.data, details={"n_test": 360})
    told = [replace(run, manifest=replace(run.manifest, data=known)) for run in runs]
    text = described(told, "markdown")
    assert "the error of 360 test images, ± 1.45 points for one score of 98.00%, is in none" in text


def test_few_seeds_are_told_what_they_cannot_find(runs):
    mine = row(runs, "random_mutation")
    assert (mine["p"], mine["p_alone"], mine["detectable_sd"]) == ("", "", "")
    assert (mine["verdict"], mine["difference_low"]) == ("inconclusive", "")
    text = described(runs, "markdown")
    assert "p: exact signed-rank test" not in text
    assert text.count("Left out, since with so few seeds in common no difference could be") == 1
    assert "from 7 seeds on, if all differences have one sign; 7 seeds find one of 1.88 " in text
    assert " seeds one of 1, see python -m harness.power): p; p (Holm); detectable, sd; " in text


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
    assert len(tables) == (3 if complete is False else 4)
    content = json.loads(described(found, "json"))["tables"]
    assert content["took"]["rows"][0].keys() >= {"llm", "refused", "cost"}  # none is lost
    assert content["compared"]["rows"][0]["p"] is None


def test_arms_that_proposed_the_same_are_said_to_be_one_search(tmp_path):
    for arm, sizes in {"full": (500, 500), "no_eot": (500, 400), "width": (300, 300)}.items():
        for seed, size in enumerate(sizes):
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, size))])  # fmt: skip
    notes = footnotes.on_events(read_runs(sorted(tmp_path.iterdir())))
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


def test_a_narrow_column_of_numbers_has_a_rule_that_markdown_accepts():
    header, rule, _ = aligned([["arm", "p"], ["full", "–"]]).splitlines()
    assert (header, rule) == ("| arm  |  p |", "| ---- | -: |")


def test_latex_has_as_many_cells_as_columns_and_escapes_them(runs):
    text = described(runs, "latex")
    tables = text.split(r"\begin{tabular}")[1:]
    assert len(tables) == 4
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [("?`a!` --no 'a''b'", "?{}`a!{}` -{}-no 'a'{}'b'"), ("re-trained, 'so'", "re-trained, 'so'"),
     ("--5", "-{}$-$5")],
)  # fmt: skip
def test_latex_joins_no_characters(text, shown):
    assert latex(text) == shown


@pytest.mark.parametrize("name", ["[9em]a", "* a", "*[1em]"])
def test_latex_takes_no_name_for_an_argument(name):
    columns = (ARM, Column(name="said", heading=f"wide heading {name}"))
    table = Table(
        name="t", title="t", columns=columns, rows=({"arm": name, "said": name},) * 2, notes=()
    )
    document = Document(title="a", headings=(), tables=(table,), headline="", notes=())
    text = render(document, "latex")
    assert len(re.findall(re.escape(f"\n{{{name[0]}}}{name[1:]} & {name}"), text)) == 2
    assert not re.search(r"\\\s*[\[*]|rule\s*[\[*]", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("<b>", r"\<b>"), (r"\<b>", r"\\\<b>"), (r"\\<b>", r"\\\\\<b>"), (r"a\b", r"a\b"),
     ("[a](b)", r"[a]\(b)"), ("a|b", r"a\|b"), (r"a\|b", r"a\\\|b"), ("a < b", "a < b")],
)  # fmt: skip
def test_no_backslash_of_a_text_undoes_that_of_markdown(text, shown):
    assert markdown_cell(text) == shown
    markdown_cell("\\" * 1_000_000)  # in linear time


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
    assert "Data: 1 of 4 test images" in footnotes.on_events([known, known])
    assert sum(note.startswith("Data: ") for note in footnotes.on_events([known, run])) == 1


def test_a_p_of_its_own_needs_six_seeds_whatever_the_family(tmp_path):
    """With two arms, six seeds are too few after Holm's adjustment, and enough without it."""
    for seed in range(6):
        for arm, n_params in (("full", 900), ("one", 500), ("two", 300)):
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, n_params + seed))])  # fmt: skip
    document = describe_comparison(compare(read_runs(sorted(tmp_path.iterdir()))))
    (table,) = (one for one in document.tables if one.name == "compared")
    assert [(row["p_alone"], row["p"]) for row in table.rows] == [(2**-5, None)] * 2


def test_a_least_difference_counts_under_the_tasks_own_word_for_the_measure(tmp_path):
    final = {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9, "measure": "test_accuracy",
             "margin": 0.02, "useful": 0.05, "relevant": 0.03}  # fmt: skip
    record_run(tmp_path / "a", arm="full", seed=0, settings={"final": final}.items(),
               children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    comparison = compare([read_run(tmp_path / "a")])
    assert comparison.relevant(METRICS["test_score"]) == 0.03
    assert comparison.relevant(METRICS["saved"]) == METRICS["saved"].relevant


def test_what_is_unknown_is_no_failure(tmp_path):
    for seed, name in enumerate("ab"):
        record_run(tmp_path / name, arm="full", seed=seed, finals=(),
                   children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    assert (
        "fails: full unknown."
        in describe_comparison(
            compare([read_run(tmp_path / "a"), read_run(tmp_path / "b")])
        ).headline
    )
