"""The table of a comparison, computed from what W&B has of its runs alone."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time

import pytest

from harness.analysis.aggregation import Expected
from harness.analysis.metric import COST, RESULTS, SEARCH
from harness.analysis.metrics import METRICS, metrics_of
from harness.record.events import ChildDecided
from harness.record.journal import find_runs, read_events
from harness.reporting.formatting import flat
from tests.conftest import ROOT
from tests.support.commands import run as command
from tests.support.wandb_files import offline_runs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
ARMS = ("random_mutation", "one_plus_one")


def rebuilt(runs, name):
    """A metric of an arm, from the summaries of its runs."""
    values = [run.summary[name] for run in runs]
    match name:
        case "valid":
            proposals = [run.summary["proposals"] for run in runs]
            return sum(v * n for v, n in zip(values, proposals, strict=True)) / sum(proposals)
        case "to_target":
            found = [value for value in values if value is not None]
            spent = sum(r.summary["evaluations"] if r.summary[name] is None else r.summary[name]
                        for r in runs)  # fmt: skip
            mean = spent / len(found) if found else None
            return Expected(evaluations=mean, reached=len(found), of=len(runs))
    return METRICS[name].aggregate(values, [])


def seed_row(runs):
    """The test score of the seed network: over its re-trainings, once for each seed."""
    by_seed = {run.config["seed"]: run for run in runs}
    rows = [row for run in by_seed.values() for row in run.table("retrainings")]
    return statistics.fmean(r["test_score"] for r in rows if r["role"] == "seed network")


def sizes(runs):
    counts = [sum(r.summary[name] for r in runs) for name in ("smaller", "same_size", "larger")]
    return [n / sum(counts) if any(counts) else None for n in counts]


@pytest.fixture(scope="module")
def studied(tmp_path_factory, quick):
    """Two arms at two seeds, of which the first command was killed once and is repeated."""
    folder = tmp_path_factory.mktemp("runs")
    settings = [
        *quick, f"+ablation={ARMS[0]}", f"compare=[{ARMS[1]}]", f"runs_dir={folder}",
        "budget.evaluations=3", "final.seeds=2", "tracking=wandb", "tracking.finish_s=300",
        "final.measure=hypervolume",  # nothing is saved where the seed network learns nothing
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *settings, "seed=0"], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    while not any(
        isinstance(e, ChildDecided) for one in find_runs(folder) for e in read_events(one)
    ):
        assert process.poll() is None
        time.sleep(0.1)
    while not list(folder.glob("*/wandb/offline-run-*")):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    begun = [path.name.rpartition("-")[2] for path in folder.glob("*/wandb/offline-run-*")]
    for seed in (0, 0, 1):
        assert command(*settings, f"seed={seed}", timeout_s=900).returncode == 0
    return folder, begun


def test_the_runs_of_wandb_make_the_table(studied):
    folder, begun = studied
    found = offline_runs(folder)
    runs = [run for run in found if run.record.job_type == "arm"]
    assert {run.record.run_group for run in found} == {runs[0].record.run_group}
    assert len(runs) == 4
    assert set(begun) <= {run.record.run_id for run in runs}
    assert sorted(r.record.job_type for r in found if r not in runs) == ["comparison"] * 2
    for run in runs:
        named = [row["proposal/network"] for row in run.history if "proposal/network" in row]
        assert len(named) == len(set(named)) == run.summary["proposals"]
        assert run.rows("search/hypervolume")[-1] == (3, run.summary["hypervolume"])
        assert run.rows("search/best_validation")[-1][1] == run.summary["best_validation"]

    (table,) = json.loads(command(folder, "--format", "json", module="harness.table").stdout)
    rows = {name: {row["arm"]: row for row in one["rows"]} for name, one in table["tables"].items()}
    for arm in ARMS:
        of_arm = [run for run in runs if run.config["arm"] == arm]
        for name in (RESULTS, SEARCH, COST):
            for metric in metrics_of(name):
                for field, value in flat({metric.name: rebuilt(of_arm, metric.name)}).items():
                    told = rows[name][arm][field]
                    assert told == (None if isinstance(value, str) else value), field
        assert [rows[COST][arm][n] for n in ("smaller", "same_size", "larger")] == sizes(of_arm)
    volume = {(run.config["arm"], run.config["seed"]): run.summary["hypervolume"] for run in runs}
    other = next(iter(set(ARMS) - {table["reference"]}))
    ahead = [volume[other, seed] - volume[table["reference"], seed] for seed in (0, 1)]
    difference = rows["compared"][other]["difference"]
    assert difference == pytest.approx(statistics.fmean(ahead), abs=1e-8)
    assert rows[RESULTS]["seed network"]["test_score"] == pytest.approx(seed_row(runs))


def test_the_tables_of_the_comparison_are_those_on_the_disk(studied):
    folder, _ = studied
    for path in folder.glob("comparison-*"):
        (run,) = offline_runs(path)
        told = json.loads((path / "table.json").read_text())["tables"]
        for name, table in told.items():
            for logged, row in zip(run.table(name), table["rows"], strict=True):
                for column, value in row.items():
                    if not isinstance(value, str):
                        assert logged[column] == value, (name, column)
