"""Arms of different budgets in one table: as they ended, and cut to equal effort."""

from dataclasses import replace

import pytest

from harness.analysis.comparison import compare, comparisons
from harness.analysis.effort.cut import at_equal
from harness.analysis.loading import runs_below
from harness.analysis.metrics import METRICS
from harness.errors import InputError
from harness.record.events import read_event
from harness.reporting.comparison_tables import describe_comparison
from tests.conftest import ROOT
from tests.support.commands import run_main
from tests.support.records import LINT, evaluated, record_run

GOLDEN = ROOT / "tests" / "golden"
PRICE = {"prompt": 10.0, "completion": 25.0}
"""An answer costs 0.0015."""


def children(n, seed, *, from_size):
    found = [(f"g{k}.c0", evaluated(0.96 + k / 200, from_size - 60 * k - seed)) for k in range(n)]
    return [("g0.c1", LINT), *found]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two arms with 3 evaluations, one with 7, and one that had nothing left to propose after 2."""
    folder = tmp_path_factory.mktemp("study")
    for seed in range(6):
        for arm, budget, n, size in (("full", 3, 3, 500), ("no_eot", 3, 3, 700),
                                     ("nas", 7, 7, 800), ("width", 3, 2, 900)):  # fmt: skip
            asks = arm in {"full", "no_eot"}
            record_run(
                folder / f"{arm}-{seed}", arm=arm, seed=seed, price=PRICE if asks else None,
                tokens=100 if asks else 0, comparison=None,
                children=children(n, seed, from_size=size),
                settings={"budget": {"evaluations": budget, "proposals": 5 * budget}},
            )  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("options", "golden"),
    [
        ((), "mixed_budgets.md"),
        (("--equal", "evaluations"), "mixed_budgets_equal_evaluations.md"),
        (("--equal", "cost", "--training-price", "2.4"), "mixed_budgets_equal_cost.md"),
    ],
)
def test_golden(study, options, golden):
    done = run_main(study, *options, module="harness.table")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (GOLDEN / golden).read_text()


def test_the_heading_says_which_budgets_differ(study):
    (comparison,) = comparisons(runs_below(study).runs)
    document = describe_comparison(comparison)
    assert document.title == "digits: at most 3 to 7 evaluations per run, seeds 0 to 5"
    assert document.headings[0].text == "Budgets differ: nas 7 evaluations, others 3."
    assert "Against full, primary, at unequal budgets" in [t.title for t in document.tables][2]


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ([{"evaluations": 24}, {"evaluations": 106}, {"evaluations": 24}],
         "a1 106 evaluations, others 24"),
        ([{"evaluations": 24}, {"evaluations": 106}], "a1 106 evaluations, a0 24"),
        ([{"evaluations": 3, "seconds": 60}, {"evaluations": 3}, {"evaluations": 3}],
         "a0 60 seconds of training and LLM, others no limit"),
        ([{"evaluations": 3, "cost": 5.0}, {"evaluations": 9}, {"evaluations": 9}],
         "a0 5.0 in cost, others no limit; a0 3 evaluations, others 9"),
        ([{"evaluations": 3, "proposals": 15}, {"evaluations": 3, "proposals": 30}],
         "a1 30 proposals, a0 15"),
    ],
)  # fmt: skip
def test_budgets_in_words(budgets, told, tmp_path):
    for k, budget in enumerate(budgets):
        record_run(tmp_path / str(k), arm=f"a{k}", seed=0, children=[("g0.c0", LINT)],
                   comparison=None, settings={"budget": budget}, at=float(k))  # fmt: skip
    (comparison,) = comparisons(runs_below(tmp_path).runs)
    assert comparison.differing_budgets == f"Budgets differ: {told}."


def test_one_arm_with_two_budgets_is_two_arms_named_by_them(tmp_path):
    for k, evaluations in enumerate((3, 9)):
        for seed in range(2):
            record_run(tmp_path / f"{k}{seed}", arm="nas", seed=seed, variant=f"v{k}",
                       children=[("g0.c0", LINT)], comparison=None,
                       settings={"budget": {"evaluations": evaluations}})  # fmt: skip
    (comparison,) = comparisons(runs_below(tmp_path).runs)
    assert {arm.name: len(arm.runs) for arm in comparison.arms} == {
        "nas (3 evaluations)": 2, "nas (9 evaluations)": 2,
    }  # fmt: skip


def test_what_a_cut_lacks_is_said_and_the_measure_is_another(study):
    done = run_main(study, "--equal", "seconds", module="harness.table")
    assert "*At equal seconds of training and LLM: each run is cut at 8.5;" in done.stdout
    assert "Cut: nas.*" in done.stdout
    assert "Against full, exploratory, at equal seconds: hypervolume" in done.stdout
    assert "configured with no equal effort at which they are cut" in done.stdout
    assert "nas: 6 of 6 cut runs selected a network that was not re-trained." in done.stdout
    assert "nas unknown" in done.stdout
    named = run_main(study, "--equal", "seconds", "--measure", "saved", module="harness.table")
    assert named.returncode == 2
    assert "--measure: expected a metric that all cut runs have, one of hypervolume" in named.stderr


def test_a_cut_says_how_many_savings_rest_on_one_re_training(tmp_path):
    """Cut at two evaluations, the first is selected, which is on the front to the end."""
    sizes = (("g0.c0", evaluated(0.98, 500)), ("g0.c1", evaluated(0.9, 900)),
             ("g0.c2", evaluated(0.975, 100)))  # fmt: skip
    for arm, n in (("full", 2), ("nas", 3)):
        for seed in range(3):
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed, children=sizes[:n],
                       comparison=None, settings={"budget": {"evaluations": n}})  # fmt: skip
    done = run_main(tmp_path, "--equal", "evaluations", module="harness.table")
    assert (
        "nas: 3 of 3 cut runs selected a network that was re-trained once, not 3 times. What they "
        "save rests on that one score, which is noisier than the chances given for the margin."
    ) in done.stdout
    assert "full: 3 of 3" not in done.stdout


def test_a_headline_of_unknown_values_alone_is_not_printed(tmp_path):
    children_of = [("g0.c0", evaluated(0.98, 500)), ("g0.c1", evaluated(0.99, 400))]
    for arm in ("full", "nas"):  # the first network is dominated later, and not re-trained
        for seed in range(2):
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed, children=children_of,
                       comparison=None, settings={"budget": {"evaluations": 2}})  # fmt: skip
    record_run(tmp_path / "short", arm="short", seed=0, children=[("g0.c0", evaluated(0.98, 990))],
               comparison=None, settings={"budget": {"evaluations": 1}})  # fmt: skip
    whole, cut = (
        run_main(tmp_path, *options, module="harness.table").stdout
        for options in ((), ("--equal", "evaluations"))
    )
    assert "Parameters saved by the selected network" in whole
    assert "full unknown, nas unknown, short 1.0 %" in cut
    comparison = at_equal(next(iter(comparisons(runs_below(tmp_path).runs))), "evaluations")
    unknown = [arm for arm in comparison.arms if arm.name != "short"]
    assert describe_comparison(replace(comparison, arms=tuple(unknown))).headline == ""


def test_runs_of_unknown_cost_hide_no_other_table(tmp_path):
    for name, recipe, price in (("known", 5, PRICE), ("unknown", 6, None)):
        record_run(tmp_path / name, arm="full", seed=0, price=price, comparison=None,
                   children=children(3, 0, from_size=500),
                   settings={"recipe": {"epochs": recipe}, "training_price": 1.0})  # fmt: skip
    done = run_main(tmp_path, "--equal", "cost", module="harness.table")
    assert done.returncode == 2
    assert done.stdout.count("At equal cost of training and LLM") == 1
    (told,) = done.stderr.splitlines()
    assert told.startswith("left out: --equal cost: expected runs with the cost of every training")
    alone = run_main(tmp_path / "unknown", "--equal", "cost", module="harness.table")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert alone.stderr.startswith("error: --equal cost: expected runs with the cost")


def test_a_price_of_training_is_recorded_without_a_limit_on_cost(tmp_path):
    record_run(tmp_path, arm="full", seed=0, price=PRICE, children=children(3, 0, from_size=500))
    (run,) = runs_below(tmp_path).runs
    assert "training_price" not in run.manifest.content
    assert METRICS["search_cost"].value(run) is None
    seconds = sum(candidate.train_s for candidate in run.candidates)
    assert seconds > 0
    for hour in (0.0, 3.6):
        priced = replace(run.manifest, training_price=hour)
        assert read_event("manifest", priced.content).training_price == hour
        cost = METRICS["search_cost"].value(replace(run, manifest=priced))
        assert cost == pytest.approx(run.usage.cost + hour * seconds / 3600)


def test_runs_of_two_prices_are_not_cut_at_equal_cost_without_one(tmp_path):
    for arm in ("full", "other"):
        record_run(
            tmp_path / arm, arm=arm, seed=0, price=PRICE, children=children(3, 0, from_size=500)
        )
    runs = [
        replace(run, manifest=replace(run.manifest, training_price=price))
        for run, price in zip(runs_below(tmp_path).runs, (0.4, 2.0), strict=True)
    ]
    with pytest.raises(InputError, match=r"found 0\.4 and 2\. Give it with --training-price"):
        at_equal(compare(runs), "cost")
    assert at_equal(compare(runs), "cost", training_price=1.0).cut is not None


@pytest.mark.parametrize(
    "options", [("--training-price", "1"), ("--equal", "cost", "--training-price", "-1"),
                ("--equal", "cost", "--training-price", "nan")]
)  # fmt: skip
def test_a_price_that_prices_nothing_is_refused(study, options):
    done = run_main(study, *options, module="harness.table")
    assert done.returncode == 2
    assert "--training-price: expected a price of at least 0, and --equal cost" in done.stderr
