"""The registry of metrics: one entry is a column, a key, a footnote, a comparison and a claim."""

import csv
import io
from pathlib import Path

import pytest

from harness.analysis.arm import arms_of
from harness.analysis.comparison import compare
from harness.analysis.loading import read_runs
from harness.analysis.metric import RESULTS, Metric
from harness.analysis.metrics import METRICS, claimable_metrics, comparable_metrics, metric
from harness.claims.claim import Claim
from harness.errors import InputError
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.figures import catalog
from harness.reporting.formatting import ARM, Column
from harness.reporting.tables import render
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


def test_a_metric_is_one_entry(runs, monkeypatch):
    front_size = Metric(
        name="front_size", heading="networks on the front", phrase="networks on the front",
        value=lambda run: len(run.front), table=RESULTS, comparable=True,
        note="networks on the front: by {task.score} and size; mean over runs.",
    )  # fmt: skip
    monkeypatch.setitem(METRICS, front_size.name, front_size)
    document = describe_comparison(compare(runs), measure="front_size")
    rows = {row["arm"]: row for row in csv.DictReader(io.StringIO(render(document, "csv")))}
    assert (rows["full"]["front_size"], rows["other"]["front_size"]) == ("2.0", "1.0")
    assert rows["seed network"]["front_size"] == ""
    assert rows["other"]["difference"] == "-1.0"
    text = render(document, "markdown")
    assert "| networks on the front |" in text
    assert "**Against full, exploratory: networks on the front**" in text
    assert "- networks on the front: by accuracy and size; mean over runs." in text
    assert "front_size" in comparable_metrics()
    claim = Claim(name="size", says="size", series="size", source="a paper", comparison="c",
                  arm="full", measure="front_size", published=2, of="every run")  # fmt: skip
    claim.check({arm.name: arm for arm in arms_of(runs)})


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
        for row in table.rows:
            assert list(row) == list(table.rows[0])
        known = [name for name in table.rows[0] if any(row[name] is not None for row in table.rows)]
        assert known == [column.name for column in table.columns]


def test_every_module_of_a_figure_is_found_by_name():
    folder = Path(catalog.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "catalog", "figure"}
    assert len(catalog.FIGURES) == len(modules)
    assert [one.position for one in catalog.FIGURES.values()] == list(range(1, len(modules) + 1))
    with pytest.raises(KeyError):
        catalog.draw("paretto", None, folder)
