"""Arms over several tasks: by hand, against a result of baycomp, and from the command line."""

import json

import numpy as np
import pytest

from harness.analysis.across_tasks import aggregates, tasks_of
from harness.analysis.comparison import comparisons
from harness.analysis.loading import runs_below
from harness.analysis.metrics import metric
from harness.analysis.statistics.several_tasks import (
    bayesian_signed_rank,
    interquartile_mean,
    probability_of_improvement,
)
from tests.support.commands import run_main
from tests.support.records import evaluated, record_run


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_interquartile_mean_is_of_the_middle_half_of_all_runs(rng):
    found = interquartile_mean([[1.0, 9.0, 2.0], [3.0, 4.0, 5.0, 6.0, -7.0]], rng)
    assert found.mean == (2 + 3 + 4 + 5) / 4
    assert found.low < found.mean < found.high
    same = interquartile_mean([[1.0, 1.0], [2.0, 2.0]], rng)
    assert (same.low, same.high) == (1.5, 1.5)  # runs are drawn within their task


def test_the_probability_of_improvement_counts_pairs_within_each_task(rng):
    """On the first task 3 of 4 pairs and a tie, on the second none of four."""
    found = probability_of_improvement([[2.0, 3.0], [0.0, 0.0]], [[2.0, 1.0], [5.0, 6.0]], rng)
    assert found.mean == pytest.approx((3.5 / 4 + 0) / 2)
    assert 0 <= found.low <= found.mean <= found.high <= 1


def test_probabilities_are_those_of_baycomp(rng):
    """baycomp 1.0.3 with 50,000 draws: 0.4549 and 0.5451 on these six tasks, with a rope of 0.15."""
    found = bayesian_signed_rank([0.1, 0.25, -0.05, 0.3, 0.02, 0.4], 0.15, rng)
    assert (found.worse, found.equal, found.better) == (
        0.0, pytest.approx(0.4549, abs=0.01), pytest.approx(0.5451, abs=0.01),
    )  # fmt: skip
    assert bayesian_signed_rank([0.1, 0.05, -0.05, 0.0, 0.02], 0.15, rng).equal == 1


@pytest.fixture
def two_tasks(tmp_path):
    """Two data sets, with two arms that are in both, and one that is in one."""
    for task, digest in (("digits", "c060ebd9"), ("other", "ffff0000")):
        arms = {"full": 400, "width": 200} | ({"nas": 100} if task == "digits" else {})
        for arm, size in arms.items():
            for seed in range(3):
                record_run(
                    tmp_path / f"{task}-{arm}-{seed}", arm=arm, seed=seed, comparison=task,
                    children=[("g0.c0", evaluated(0.98, size + seed))],
                    data={"name": task, "digest": digest},
                )  # fmt: skip
    return tmp_path


def test_arms_of_every_task_are_compared_over_tasks(two_tasks):
    tasks = tasks_of(comparisons(runs_below(two_tasks).runs))
    full, width = aggregates(tasks, metric("saved"))
    assert (full.arm, full.improvement, full.posterior) == ("full", None, None)
    assert width.arm == "width"
    assert width.improvement.mean == 1
    assert width.iqm.mean == pytest.approx(np.log10(1000 / 201), abs=0.002)
    assert width.posterior.worse == 0
    assert 0.7 < width.posterior.better < 0.8  # two tasks are few against the prior's one
    parameters = aggregates(tasks, metric("parameters"))[1]
    assert parameters.improvement.mean == 1  # fewer are better
    assert parameters.posterior.better > 0.7


def test_a_table_over_tasks_follows_those_of_each_task(two_tasks):
    told = run_main(two_tasks, module="harness.table").stdout
    assert told.count("**Results, re-trained on fresh seeds**") == 2
    assert "**2 tasks: digits, other**" in told
    assert "| width |" in told[told.index("**Over 2 tasks: ") :]
    *_, last = json.loads(run_main(two_tasks, "--format", "json", module="harness.table").stdout)
    assert [row["arm"] for row in last["tables"]["across"]["rows"]] == ["full", "width"]


def test_one_task_has_no_table_over_tasks(tmp_path):
    for seed in range(2):
        record_run(
            tmp_path / str(seed), arm="full", seed=seed, children=[("g0.c0", evaluated(0.98, 400))]
        )
    found = comparisons(runs_below(tmp_path).runs)
    assert tasks_of(found) == []
    assert "Over" not in run_main(tmp_path, module="harness.table").stdout
