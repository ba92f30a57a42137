"""What is estimated from runs, judged on runs drawn at random (``nox -s simulation``)."""

import math
import statistics

import numpy as np
import pytest
from scipy.stats import beta

from harness.analysis.aggregation import expected_running_time
from harness.analysis.curves.sensitivity import by_setting
from harness.analysis.curves.targets import reached
from harness.analysis.curves.trajectory import trajectory
from harness.analysis.metrics import METRICS, comparable_metrics
from harness.analysis.statistics.intervals import LEVEL
from harness.analysis.statistics.paired import signed_rank
from tests.support.simulated_runs import EVALUATIONS, arm_of, drawn_runs
from tests.support.simulated_studies import STUDIES, documented

pytestmark = pytest.mark.simulation

PAIRS = (6, 8, 12, 20)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return drawn_runs(tmp_path_factory.mktemp("drawn"), 600, np.random.default_rng(11))


@pytest.mark.parametrize("name", comparable_metrics())
def test_two_identical_arms_are_called_different_as_rarely_by_every_measure(drawn, name):
    """Both arms draw from the same runs, of which some have no value and count as the worst."""
    one = METRICS[name]
    values = [one.value_if_whole(run) for run in drawn]
    assert len({value for value in values if value is not None}) > 100
    values = np.array([-math.inf if value is None else value for value in values])
    found = []
    for n in PAIRS:
        rng = np.random.default_rng([n, *name.encode()])
        a, b = values[rng.integers(len(values), size=(2, STUDIES // 4, n))]
        with np.errstate(invalid="ignore"):
            gaps = np.where(a == b, 0.0, np.round(a - b, 9))
        hits = sum(signed_rank(gap) <= LEVEL for gap in gaps)
        assert beta.ppf(0.99, hits + 1, STUDIES // 4 - hits) <= 0.06
        found.append(hits / (STUDIES // 4))
    assert found == documented(signed_rank, name), found


def test_a_difference_is_seen_somewhere_on_a_curve_more_often_than_at_one_point(drawn):
    heights = {run.folder: [point.hypervolume for point in trajectory(run)] for run in drawn}
    rng, found = np.random.default_rng(12), {"at one point": [], "anywhere": []}
    for n in PAIRS:
        missed = []
        for _ in range(500):
            ones, others = (
                arm_of([drawn[i] for i in rng.integers(len(drawn), size=n)]) for _ in range(2)
            )
            curve = by_setting(ones, others, lambda run, at: heights[run.folder][int(at) - 1],
                               range(1, EVALUATIONS + 1))  # fmt: skip
            missed.append([not one.low <= 0 <= one.high for _, one in curve])
        found["at one point"].append(np.mean(missed))
        found["anywhere"].append(np.mean(np.any(missed, axis=1)))
    for name, rates in found.items():
        assert rates == documented(by_setting, name, within=0.02), found


def test_the_share_of_targets_reached_errs_as_much_as_documented(drawn):
    every = dict(reached(arm_of(drawn)))[EVALUATIONS]
    rng, found = np.random.default_rng(13), {"mean": [], "deviation": []}
    for n in PAIRS:
        shares = [
            dict(reached(arm_of([drawn[i] for i in rng.integers(len(drawn), size=n)])))[EVALUATIONS]
            for _ in range(300)
        ]
        found["mean"].append(statistics.fmean(shares))
        found["deviation"].append(statistics.stdev(shares))
    assert found["mean"] == pytest.approx([every] * len(PAIRS), abs=0.02)
    for name, rates in found.items():
        assert rates == documented(reached, name, within=0.02), (every, found)


def test_the_expected_running_time_errs_as_much_as_documented(drawn):
    """Each evaluation reaches the target with a chance of one in twelve."""
    rng, found = np.random.default_rng(14), {"median": [], "far off": []}
    for n in PAIRS:
        times = rng.geometric(1 / 12, (STUDIES // 4, n))
        studies = [[int(t) if t <= EVALUATIONS else None for t in study] for study in times]
        ones = [expected_running_time(values, drawn[:n]).evaluations for values in studies]
        known = [one for one in ones if one is not None]
        assert len(known) > len(ones) - 10
        found["median"].append(statistics.median(known) / 12)
        found["far off"].append(statistics.fmean(not 8 <= one <= 18 for one in known))
    for name, rates in found.items():
        assert rates == documented(expected_running_time, name), found
