"""CSV and JSON of tables have one shape: the same fields of the same types, whatever the runs hold."""

import csv
import io
import json
from itertools import product

from harness.analysis.comparison import comparisons
from harness.analysis.loading import read_runs, runs_below
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render, render_all
from harness.reporting.unrounded.fields import CSV_FIELDS, FIELDS
from tests.support.recordings import quickstart
from tests.support.records import LINT, evaluated, record_run

NAMES = [field.name for field in CSV_FIELDS]


def documents(tmp_path, runs, study):
    """Tables with and without intervals, p, tokens, prices, several LLMs, finished runs."""
    for name, (members, complete) in zip(
        "wxyz", product([("a", "b"), ()], [True, False]), strict=True
    ):
        record_run(tmp_path / name, arm=f"arm {name}", seed=0, members=members, complete=complete,
                   children=[("g0.c0", evaluated(0.98, 500)), ("g0.c1", LINT)], tokens=None)  # fmt: skip
    some = read_runs([tmp_path / name for name in "wxyz"])
    several = [runs, some, runs_below(study).runs, quickstart()]
    return [describe_comparison(one) for found in several for one in comparisons(found)]


def test_every_csv_has_the_same_columns_of_the_same_types(tmp_path, runs, study):
    found = documents(tmp_path, runs, study)
    rows = []
    for text in (*(render(one, "csv") for one in found), render_all(found, "csv")):
        reader = csv.DictReader(io.StringIO(text))
        assert reader.fieldnames == NAMES
        rows += list(reader)
    for row in rows:
        for field in CSV_FIELDS:
            if row[field.name]:
                field.type(row[field.name])  # a number, where it is one
    assert {row["row"] for row in rows} == {"arm", "seed network", "llm"}
    assert len(set(NAMES)) == len(NAMES)


def test_every_json_has_the_same_fields_of_the_same_types(tmp_path, runs, study):
    contents = json.loads(render_all(documents(tmp_path, runs, study), "json"))
    for content in contents:
        assert list(content["tables"]) == ["found", "searched", "compared", "took"]
        for name, table in content["tables"].items():
            for row in table["rows"]:
                assert list(row) == ["arm", "row", *(f.name for f in FIELDS[name]), "reasons"]
                for field in FIELDS[name]:
                    value = row[field.name]
                    assert value is None or type(value) is field.type, field.name
    assert len({tuple(content) for content in contents}) == 1


def test_json_of_one_comparison_is_a_list_as_that_of_several(runs):
    (comparison,) = comparisons(runs)
    (one,) = json.loads(render_all([describe_comparison(comparison)], "json"))
    assert one == json.loads(render(describe_comparison(comparison), "json"))
    assert json.loads(render_all([], "json")) == []


def test_every_field_says_what_it_holds():
    assert all(field.meaning and not field.meaning.endswith(".") for field in CSV_FIELDS)
