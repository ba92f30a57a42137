"""Arms over several tasks: by hand, against a result of baycomp, and from the command line."""

import json
import re

import numpy as np
import pytest

from harness.analysis.across_tasks import aggregates, left_out, region_of, tasks_of
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


DIGESTS = {"digits": "c060ebd9", "other": "ffff0000"}
FINAL = {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9, "measure": "saved", "margin": 0.02,
         "useful": 0.05}  # fmt: skip


def record_arm(folder, task, arm, size, *, seeds=(0, 1, 2), variant=None, **settings):
    """Runs of one arm on one task; ``settings`` are part of the arm, or ``final``."""
    for seed in seeds:
        record_run(
            folder / f"{task}-{arm}-{variant}-{seed}", arm=arm, seed=seed, comparison=task,
            variant=variant and f"{variant}{task}", settings=settings.items(),
            children=[("g0.c0", evaluated(0.98, size + seed))],
            data={"name": task, "digest": DIGESTS[task]},
        )  # fmt: skip


@pytest.fixture
def two_tasks(tmp_path):
    """Two data sets, with two arms that are in both, and one that is in one."""
    for task in DIGESTS:
        arms = {"full": 400, "width": 200} | ({"nas": 100} if task == "digits" else {})
        for arm, size in arms.items():
            record_arm(tmp_path, task, arm, size)
    return tmp_path


def across(folder, *options):
    """The last table that the command prints, as JSON has it, and its document."""
    *_, last = json.loads(
        run_main(folder, "--format", "json", *options, module="harness.table").stdout
    )
    return last["tables"].get("across"), last


def test_only_the_measure_that_every_task_declared_is_primary(two_tasks):
    assert across(two_tasks)[0]["title"].startswith("Over 2 tasks, primary: decades of parameters")
    table, _ = across(two_tasks, "--measure", "hypervolume")
    assert table["title"] == "Over 2 tasks, exploratory: hypervolume"
    assert table["notes"][0] == (
        "Exploratory: the primary measure that these runs are configured with is saved."
    )


def test_a_measure_that_one_task_declared_is_exploratory(tmp_path):
    for task, measure in (("digits", "saved"), ("other", "hypervolume")):
        for arm in ("full", "width"):
            record_arm(tmp_path, task, arm, 400, final=FINAL | {"measure": measure})
    table, _ = across(tmp_path)
    assert table["title"].startswith("Over 2 tasks, exploratory: decades of parameters saved")
    assert table["notes"][0].endswith("configured with is saved on digits, hypervolume on other.")


def test_probabilities_need_one_region_of_practical_equivalence(tmp_path):
    for task, relevant in (("digits", 0.1), ("other", 0.3)):
        for arm, size in (("full", 400), ("width", 200)):
            record_arm(tmp_path, task, arm, size, final=FINAL | {"relevant": relevant})
    tasks = tasks_of(comparisons(runs_below(tmp_path).runs))
    assert region_of(tasks, metric("saved")) is None
    assert region_of(tasks, metric("hypervolume")) == 0.0  # neither has one
    (_, width) = aggregates(tasks, metric("saved"))
    assert (width.against.posterior, width.against.improvement.mean) == (None, 1)
    table, _ = across(tmp_path)
    assert (
        "Left out, since the least difference that matters (final.relevant) is not the same on "
        "every task (± 0.100 on digits, ± 0.300 on other): worse: probability %; no relevant "
        "difference: probability %; better: probability %."
    ) in table["notes"]
    assert not any("Bayesian" in note for note in table["notes"])


def test_an_arm_is_the_same_by_its_settings_and_not_by_its_name(tmp_path):
    """Names bear a tag of the task's settings where two arms of a table share one."""
    for task in DIGESTS:
        record_arm(tmp_path, task, "full", 400)
        for edits, size in ((1, 300), (2, 200)):
            record_arm(
                tmp_path, task, "random", size, variant=f"{edits}", proposer={"edits": edits}
            )
        record_arm(tmp_path, task, "width", 100, rates={"p_mate": 0.1 if task == "other" else 0.2})
    tasks = tasks_of(comparisons(runs_below(tmp_path).runs))
    names = [{arm.name for arm in task.arms} for task in tasks]
    assert len(names[0] & names[1]) == 2  # full and width
    found = aggregates(tasks, metric("saved"))
    assert [one.iqm.mean for one in found] == pytest.approx(
        [np.log10(1000 / (size + 1)) for size in (400, 300, 200)], abs=0.002
    )
    assert list(left_out(tasks)) == ["width, of which tasks have different settings (rates.p_mate)"]


def test_a_reference_that_is_not_the_same_arm_is_said_to_be_none(tmp_path):
    for task in DIGESTS:
        record_arm(tmp_path, task, "full", 400, proposer={"model": {"name": f"llm of {task}"}})
        record_arm(tmp_path, task, "width", 200, seeds=(0,))
    table, document = across(tmp_path)
    assert table is None
    assert document["headline"] == "No table over these tasks, for the reasons below."
    assert document["notes"] == [
        "Arms left out: full, of which tasks have different settings (proposer.model.name); width, "
        "without 2 completed runs on each task."
    ]
    for style in ("markdown", "latex", "csv"):
        done = run_main(tmp_path, "--format", style, module="harness.table")
        assert done.returncode == 0, done.stderr
        assert style == "csv" or "No table over these tasks" in done.stdout


def test_an_arm_without_a_seed_in_common_is_told_from_the_reference(tmp_path):
    for task in DIGESTS:
        record_arm(tmp_path, task, "full", 400, seeds=(0, 1))
        record_arm(tmp_path, task, "width", 200, seeds=(2, 3))
    (full, width) = aggregates(tasks_of(comparisons(runs_below(tmp_path).runs)), metric("saved"))
    assert full.against is None
    assert (width.against.improvement.mean, width.against.posterior) == (1, None)
    assert any(
        "no arm has on every task a seed in common" in note for note in across(tmp_path)[0]["notes"]
    )


def test_arms_of_every_task_are_compared_over_tasks(two_tasks):
    tasks = tasks_of(comparisons(runs_below(two_tasks).runs))
    full, width = aggregates(tasks, metric("saved"))
    assert (full.arm, full.against) == ("full", None)
    assert width.arm == "width"
    assert width.against.improvement.mean == 1
    assert width.iqm.mean == pytest.approx(np.log10(1000 / 201), abs=0.002)
    assert width.against.posterior.worse == 0
    assert 0.7 < width.against.posterior.better < 0.8  # two tasks are few against the prior's one
    parameters = aggregates(tasks, metric("parameters"))[1].against
    assert parameters.improvement.mean == 1  # fewer are better
    assert parameters.posterior.better > 0.7


def test_a_table_over_tasks_follows_those_of_each_task(two_tasks):
    told = run_main(two_tasks, module="harness.table").stdout
    assert told.count("**Results, re-trained on fresh seeds**") == 2
    assert "**2 tasks: digits, other**" in told
    assert "| width |" in told[told.index("**Over 2 tasks, primary: ") :]
    *_, last = json.loads(run_main(two_tasks, "--format", "json", module="harness.table").stdout)
    assert [row["arm"] for row in last["tables"]["across"]["rows"]] == ["full", "width"]


def test_arms_and_columns_of_a_table_over_tasks_are_chosen_too(two_tasks, tmp_path):
    options = ["--columns", "iqm", "--arms", "width", "--labels", "width=W"]
    told = run_main(two_tasks, *options, module="harness.table").stdout
    assert re.findall(r"\| arm +\| (.*?) \[", told) == ["interquartile mean"]
    assert "| W " in told
    assert "| full " not in told
    run_main(two_tasks, "--out", tmp_path / "page", *options, module="harness.report")
    assert "interquartile mean" in (tmp_path / "page" / "report.html").read_text()


def test_failures_stand_beside_means_that_do_not_see_them(tmp_path):
    """Width saves nothing in one run of each task; its interquartile mean is as without it."""
    for task, digest in DIGESTS.items():
        record_arm(tmp_path, task, "full", 400, seeds=range(6))
        record_arm(tmp_path, task, "width", 400, seeds=range(1, 6))
        record_run(tmp_path / f"{task}-failed", arm="width", seed=0, comparison=task,
                   children=[("g0.c0", evaluated(0.98, 1000))],
                   data={"name": task, "digest": digest})  # fmt: skip
    tasks = tasks_of(comparisons(runs_below(tmp_path).runs))
    full, width = aggregates(tasks, metric("saved"))
    assert (full.failed, full.runs, width.failed, width.runs) == (0, 12, 2, 12)
    assert width.iqm.mean == pytest.approx(full.iqm.mean, abs=0.002)
    assert width.against.posterior.equal > 0.95
    table, _ = across(tmp_path)
    assert [(row["failed"], row["failed_of"]) for row in table["rows"]] == [(0, 12), (2, 12)]
    assert any(note.startswith("Failed runs: without a value, or ") and "or with 0" in note
               for note in table["notes"])  # fmt: skip
    told = run_main(tmp_path, module="harness.table").stdout
    assert "| 2/12 |" in " ".join(told[told.index("**Over 2 tasks") :].split())


@pytest.mark.parametrize("able", [1, 2])
def test_a_task_whose_seed_network_is_at_chance_is_left_out(tmp_path, able):
    tasks = dict(zip(("one", "two", "dull"), ("c060ebd9", "ffff0000", "abcd1234"), strict=True))
    for task in [*["one", "two"][:able], "dull"]:
        for arm, size in (("full", 400), ("width", 200)):
            for seed in range(3):
                chance = {"finals": (0.05, 0.05, 0.05)} if task == "dull" else {}
                record_run(
                    tmp_path / f"{task}-{arm}-{seed}", arm=arm, seed=seed, comparison=task,
                    children=[("g0.c0", evaluated(0.98, size + seed))],
                    data={"name": task, "digest": tasks[task]}, **chance,
                )  # fmt: skip
    table, document = across(tmp_path)
    left = "Tasks left out, since the seed network is at chance in each of their runs: dull."
    assert left in document["notes"]
    if able == 1:
        assert table is None
    else:
        assert table["title"].startswith("Over 2 tasks, ")
        assert [row["failed"] for row in table["rows"]] == [0, 0]


def test_one_task_has_no_table_over_tasks(tmp_path):
    for seed in range(2):
        record_run(
            tmp_path / str(seed), arm="full", seed=seed, children=[("g0.c0", evaluated(0.98, 400))]
        )
    found = comparisons(runs_below(tmp_path).runs)
    assert tasks_of(found) == []
    assert "Over" not in run_main(tmp_path, module="harness.table").stdout
