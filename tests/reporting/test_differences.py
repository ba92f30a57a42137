"""Arms against the reference: estimates, verdicts, and what a table says of their standing."""

import csv
import io
import json
import math
import statistics
from dataclasses import replace

import pytest

from harness.analysis.comparison import compare
from harness.analysis.loading import read_run, read_runs, runs_below
from harness.analysis.metrics import METRICS
from harness.analysis.statistics.paired import shift, signed_rank
from harness.errors import InputError
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.notes.note import texts_of
from harness.reporting.tables import STYLES, render
from tests.support.commands import run_main as command
from tests.support.records import evaluated, record_run
from tests.support.tables import described, row


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
    assert (no_eot["runs_complete"], no_eot["runs_planned"]) == ("6", "8")
    assert (no_eot["pairs"], no_eot["p"]) == ("6", str(signed_rank(pairs)))
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
    with pytest.raises(InputError, match="reference: expected an arm of the table, one of full"):
        compare(found, reference="none")
    assert mine == row(found, "full", reference="random_mutation", measure="test_accuracy")
    with pytest.raises(InputError, match="measure: expected one of saved, test_score ") as told:
        described(found, "csv", measure="beauty")
    assert "test_score (or test_accuracy), " in str(told.value)
    assert "anytime (or anytime_hypervolume), " in str(told.value)
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
        "of_arm",
        "row",
        "pairs",
        "difference",
    }
    assert worst["difference"].low == -math.inf
    assert known["difference"].low == pytest.approx(0.001, abs=1e-3)
    assert any("re-trainings that failed: 2 of 3 of the selected network, so saved is 0." in note
               for note in texts_of(document.notes))  # fmt: skip
    text = "one failed, counts as worse than any value, and two such runs at one seed as equal"
    assert any(f"{text}; 1 pair here" in note for note in table.notes)
    texts = {style: render(document, style) for style in STYLES}
    assert "[-∞, " in texts["markdown"]
    assert r"[$-$$\infty$, " in texts["latex"]
    (row_of_json, _) = json.loads(texts["json"])["tables"]["compared"]["rows"]
    assert row_of_json["difference_low"] is None  # JSON has no such number, so the reason says it
    assert "difference_low: -inf" in row_of_json["reasons"]
    rows_of_csv = csv.DictReader(io.StringIO(texts["csv"]))
    assert float(next(r for r in rows_of_csv if r["arm"] == "full")["difference_low"]) == -math.inf


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


@pytest.mark.parametrize(
    ("seeds", "saving", "verdict"),
    [(8, 0, "neither saves"), (8, 1, "inconclusive"), (20, 5, "inconclusive"),
     (9, 8, "no relevant difference"), (1, 0, "neither saves"), (2, 1, "inconclusive")],
)  # fmt: skip
def test_that_neither_arm_saves_anything_is_no_finding_of_equality(
    tmp_path, seeds, saving, verdict
):
    for seed in range(seeds):
        for arm in ("full", "other"):
            size = 999 if seed < saving else 1500
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, size))])  # fmt: skip
    comparison = compare(read_runs(sorted(tmp_path.iterdir())))
    (table,) = [t for t in describe_comparison(comparison).tables if t.name == "compared"]
    assert table.rows[0]["verdict"] == verdict
    (note,) = [note for note in table.notes if note.startswith("Neither saves: ")]
    assert note.startswith(
        f"Neither saves: other and full at {seeds - saving} of {seeds} seeds. Each"
    )
    by_score = describe_comparison(comparison, measure="test_score").tables[2]
    assert not any("Neither" in note for note in by_score.notes)


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
        return {row["arm"]: row for row in rows}, " ".join(texts_of(document.notes))

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
