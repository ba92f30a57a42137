"""The registry of metrics: one entry is a column, a key, a footnote, a comparison and a claim."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

from harness.analysis.comparison import compare
from harness.analysis.loading import read_runs
from harness.analysis.metrics import METRICS, claimable_metrics, metric
from harness.errors import InputError
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.figures import catalog
from harness.reporting.formatting import ARM, Column
from tests.conftest import ROOT
from tests.support.records import LINT, evaluated, record_run


@pytest.fixture
def runs(tmp_path):
    """Two arms at two seeds: one finds two networks of its front, the other one."""
    found = {
        "full": [evaluated(0.97, 400), evaluated(0.98, 900)],
        "other": [evaluated(0.9, 500), LINT],
    }
    for arm, outcomes in found.items():
        for seed in range(2):
            children = [(f"g0.c{i}", outcome) for i, outcome in enumerate(outcomes)]
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed, children=children)
    return read_runs(sorted(tmp_path.iterdir()))


ENTRY = """
from harness.analysis.metric import Metric, RESULTS
from harness.analysis.metrics import METRICS

METRICS["front_size"] = Metric(
    name="front_size", heading="networks on the front", phrase="networks on the front",
    value=lambda run: len(run.front), table=RESULTS, comparable=True,
    note="networks on the front: by {task.score} and size; mean over runs.",
)
"""
USE = """
import sys
from pathlib import Path

from harness.analysis.arm import arms_of
from harness.analysis.comparison import compare
from harness.analysis.loading import read_runs
from harness.analysis.metrics import comparable_metrics
from harness.claims.claim import Claim
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render

runs = read_runs(sorted(Path(sys.argv[1]).iterdir()))
document = describe_comparison(compare(runs), measure="front_size")
assert "front_size" in comparable_metrics()
claim = Claim(name="size", says="size", series="size", source="a paper", comparison="c",
              arm="full", measure="front_size", published=2, of="every run")
claim.check({arm.name: arm for arm in arms_of(runs)})
print(render(document, sys.argv[2]))
"""


@pytest.mark.parametrize("style", ["csv", "markdown"])
def test_a_metric_is_one_entry(runs, tmp_path, style):
    """In an interpreter of its own, where the entry is there before anything is made of it."""
    done = subprocess.run(
        [sys.executable, "-c", ENTRY + USE, str(tmp_path), style],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    if style == "csv":
        rows = {row["arm"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
        assert (rows["full"]["front_size"], rows["other"]["front_size"]) == ("2.0", "1.0")
        assert rows["seed network"]["front_size"] == ""
        assert rows["other"]["difference"] == "-1.0"
    else:
        assert "| networks on the front |" in done.stdout
        assert "**Against full, exploratory: networks on the front**" in done.stdout
        assert "- networks on the front: by accuracy and size; mean over runs." in done.stdout


def test_a_name_that_is_mistyped_is_an_error(runs):
    with pytest.raises(InputError, match=r"one of saved, .*, got hypervolum"):
        metric("hypervolum")
    with pytest.raises(InputError, match="got beauty"):
        describe_comparison(compare(runs), measure="beauty")
    with pytest.raises(KeyError, match="hypervolum"):
        Column(name="hypervolum", heading="").text({"arm": "full", "hypervolume": 1.0})
    assert ARM.text({"arm": None}) == "–"


def test_every_name_is_of_one_metric():
    names = [name for one in METRICS.values() for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
    assert all(metric(name).name in METRICS for name in names)
    of_time = {"train_s", "time_ratio", "search_s", "search_cost"}
    assert set(claimable_metrics()) == METRICS.keys() - of_time


def test_claims_may_use_names_of_0_1_0():
    assert metric("pick_in_search") is METRICS["selected_search_score"]
    assert metric("pick_retrained") is METRICS["selected_retrained_score"]


def test_every_column_with_a_value_is_shown_in_the_order_of_the_values(runs):
    for table in describe_comparison(compare(runs)).tables:
        rows = [{k: v for k, v in row.items() if k != "row"} for row in table.rows]  # its kind
        assert {tuple(row) for row in rows} == {tuple(rows[0])}
        known = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        shown = [column.name for column in table.columns]
        metrics = [name for name in shown if name in METRICS]
        assert [name for name in known if name in metrics] == metrics
        of_budgets = {"search_s", "search_cost"}  # shown where budgets limit them
        assert set(known) & METRICS.keys() - of_budgets == set(metrics) - of_budgets


def test_every_module_of_a_figure_is_found_by_name():
    folder = Path(catalog.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {
        "__init__",
        "catalog",
        "figure",
        "looks",
    }
    assert len(catalog.FIGURES) == len(modules)
    assert [one.position for one in catalog.FIGURES.values()] == list(range(1, len(modules) + 1))
    with pytest.raises(KeyError):
        catalog.draw("paretto", None, folder)
