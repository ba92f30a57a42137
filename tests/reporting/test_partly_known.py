"""Numbers of a table that are of some of the completed runs alone."""

import csv
import io

from harness.analysis.comparison import compare
from harness.analysis.loading import read_runs
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render_all
from tests.support.records import evaluated, record_run


def test_a_number_of_some_runs_alone_says_of_how_many(tmp_path):
    """At seed 1 the seed network is at chance, so that nothing is saved there."""
    for arm, n_params in (("full", 500), ("other", 250)):
        for seed, finals in enumerate([(0.97, 0.98, 0.99), (0.1, 0.1, 0.1)]):
            record_run(
                tmp_path / arm / str(seed), arm=arm, seed=seed, finals=finals,
                data={"n_test": 360}, children=[("g0.c0", evaluated(0.98, n_params))],
            )  # fmt: skip
    found = compare(
        read_runs([tmp_path / arm / str(k) for arm in ("full", "other") for k in (0, 1)])
    )
    document = describe_comparison(found)
    (note,) = (note for note in document.tables[0].notes if note.startswith("Of the runs that"))
    assert "saved" in note
    assert note.endswith(" (full of 1 of 2 runs, other of 1 of 2 runs).")
    rows = csv.DictReader(io.StringIO(render_all([document], "csv")))
    by_arm = {row["arm"]: row["reasons"] for row in rows}
    assert "saved: of 1 of 2 runs" in by_arm["full"]
    assert "test_score" not in by_arm["full"]
    (compared,) = (table for table in document.tables if table.name == "compared")
    assert compared.rows[0]["mean_difference"] is None
    known = compare([run for run in found.runs if run.seed == 0])
    assert "Of the runs that" not in str(describe_comparison(known).tables)
