"""Every arm that ships, from one command. Takes minutes: ``nox -s tests -- -m slow``."""

import csv
import io

import pytest

from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.record.journal import find_runs
from tests.conftest import ARMS
from tests.support.commands import run, run_main


def proposer_of(arm):
    said = ["model=pool", "search.acknowledge_test_selection=true"]
    return compose([f"+ablation={arm}", *said]).proposer


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_all_arms_at_an_equal_budget_end_in_one_table(tiny, tmp_path):
    done = run(
        "-m", f"+ablation={','.join(ARMS)}", "compare=[]", "model=pool",
        "search.acknowledge_test_selection=true", f"runs_dir={tmp_path}", *tiny,
        "budget.evaluations=3", timeout_s=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asks = {arm: "model" in proposer_of(arm) for arm in ARMS}
    assert not asks["nas"]
    assert asks["iid_sampling"]
    names = {f"guided~pool:{arm}" if asks[arm] else arm for arm in ARMS}
    runs = [read_run(folder) for folder in find_runs(tmp_path)]
    assert {(r.arm, r.seed) for r in runs} == {(name, 0) for name in names}
    assert {r.manifest.comparison for r in runs} == {runs[0].manifest.comparison}
    assert all(r.complete and r.evaluations <= 3 for r in runs)
    table = run_main(tmp_path, "--format", "csv", module="harness.table").stdout
    rows = {row["arm"]: row for row in csv.DictReader(io.StringIO(table))}
    both_ways = {f"{name}, without missing values" for name in names}
    for name in both_ways & rows.keys():  # its seed network learnt nothing at one of the seeds
        assert not rows.pop(name)["runs_complete"]
    marked = "guided~pool:test_selection"
    assert rows.keys() == {"seed network", f"{marked} (selected on test data)"} | names - {marked}
    assert {(row["runs_complete"], row["runs_planned"]) for row in rows.values()} == {("1", "1")}
