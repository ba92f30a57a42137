"""Statistics over several tasks and of shares, judged by simulated studies (``nox -s simulation``)."""

import math
import statistics

import numpy as np
import pytest
from scipy.stats import binom, trim_mean

from harness.analysis.statistics.intervals import (
    clustered_share,
    quartiles,
    rank_correlation,
    share_interval,
)
from harness.analysis.statistics.paired import shift
from harness.analysis.statistics.several_tasks import (
    bayesian_signed_rank,
    interquartile_mean,
    probability_of_improvement,
)
from tests.support.simulated_studies import DISTRIBUTIONS, documented

pytestmark = pytest.mark.simulation

RUNS_OF_A_TASK = (5, 10, 20)


@pytest.mark.parametrize("name", ["normal", "exponential"])
def test_interquartile_means_are_covered_as_often_as_documented(name):
    """Three tasks with means 0, 1 and 2; the truth is that of very many runs."""
    drawn, _ = DISTRIBUTIONS[name]

    def tasks(rng, n):
        return [k + drawn(rng, n) for k in range(3)]

    rng = np.random.default_rng(1)
    truth = np.concatenate(tasks(rng, 10**6))
    truth = statistics.fmean(np.sort(truth)[len(truth) // 4 : -len(truth) // 4])
    found = []
    for n in RUNS_OF_A_TASK:
        one = [interquartile_mean(tasks(rng, n), rng) for _ in range(2_000)]
        found.append(statistics.fmean(i.low <= truth <= i.high for i in one))
    assert found == documented(interquartile_mean, name)


def test_interquartile_means_cut_off_rare_failures_as_documented():
    found = {"mean": [], "interquartile": []}
    for percent in (10, 20, 30):
        rng = np.random.default_rng(percent)
        studies = [
            [np.where(rng.random(12) < percent / 100, 0, rng.normal(0.7, 0.05, 12)) for _ in "abc"]
            for _ in range(300)
        ]
        found["mean"].append(np.mean(studies))
        trimmed = [trim_mean(np.concatenate(study), 0.25) for study in studies]
        assert interquartile_mean(studies[0], rng).mean == pytest.approx(trimmed[0])
        found["interquartile"].append(np.mean(trimmed))
    for name, means in found.items():
        assert means == documented(interquartile_mean, name), found


@pytest.mark.parametrize(("name", "lead"), [("equal arms", 0.0), ("one sd apart", 1.0)])
def test_probabilities_of_improvement_are_covered_as_often_as_documented(name, lead):
    truth = statistics.NormalDist().cdf(lead / math.sqrt(2))
    rng, found = np.random.default_rng([2, int(lead)]), []
    for n in RUNS_OF_A_TASK:
        one = [
            probability_of_improvement(rng.normal(lead, 1, (3, n)), rng.normal(0, 1, (3, n)), rng)
            for _ in range(2_000)
        ]
        found.append(statistics.fmean(i.low <= truth <= i.high for i in one))
    assert found == documented(probability_of_improvement, name)


def test_equal_arms_are_called_different_over_tasks_as_rarely_as_documented():
    """Without a region of equivalence, at which the test is least careful."""
    rng, found = np.random.default_rng(3), []
    for n in (3, 5, 10):
        posteriors = [bayesian_signed_rank(rng.normal(size=n), 0.0, rng) for _ in range(500)]
        found.append(statistics.fmean(max(p.worse, p.better) >= 0.95 for p in posteriors))
    assert found == documented(bayesian_signed_rank, "equal arms")


def test_an_arm_that_fails_at_times_is_called_equal_over_tasks_as_often_as_documented():
    found = []
    for n in (3, 5, 10):
        rng, hits = np.random.default_rng(n), 0
        for _ in range(200):
            saved = np.where(rng.random((n, 12)) < 0.25, 0, rng.normal(0.7, 0.05, (n, 12)))
            differences = (saved - rng.normal(0.7, 0.05, (n, 12))).tolist()
            shifts = [shift(pairs).estimate for pairs in differences]
            hits += bayesian_signed_rank(shifts, 0.15, rng).equal >= 0.95
        found.append(hits / 200)
    assert found == documented(bayesian_signed_rank, "fails at 25 %", within=0.03), found


@pytest.mark.parametrize("percent", [2, 10, 30, 50])
def test_shares_are_covered_as_often_as_documented(percent):
    found = []
    for n in (5, 10, 20, 50):
        intervals, counts = [share_interval(k, n) for k in range(n + 1)], np.arange(n + 1)
        inside = [one.low <= percent / 100 <= one.high for one in intervals]
        found.append(binom.pmf(counts, n, percent / 100)[inside].sum())
    assert found == documented(share_interval, f"chance {percent} %", within=0.001), found
    assert min(found) >= 0.95


@pytest.mark.parametrize("correlation", [0, 0.5, 0.9])
def test_rank_correlations_are_covered_as_often_as_documented(correlation):
    truth, found = 6 / math.pi * math.asin(correlation / 2), []
    for n in (6, 10, 20, 50):
        rng = np.random.default_rng([n, round(10 * correlation)])
        one = rng.normal(size=(2_000, n))
        other = correlation * one + math.sqrt(1 - correlation**2) * rng.normal(size=one.shape)
        ends = [rank_correlation(*p)[1:] for p in zip(one.tolist(), other.tolist(), strict=True)]
        found.append(statistics.fmean(a <= truth <= b for a, b in ends if not math.isnan(a)))
    assert found == documented(rank_correlation, f"correlation {correlation}"), found


def test_a_further_value_lies_between_the_quartiles_as_often_as_documented():
    found = []
    for n in (3, 5, 10, 20):
        studies = np.random.default_rng(n).normal(size=(20_000, n + 1)).tolist()
        ends = [(study[0], quartiles(study[1:])) for study in studies]
        found.append(statistics.fmean(low <= value <= high for value, (low, _, high) in ends))
    assert found == documented(quartiles, "between"), found


@pytest.mark.parametrize("name", ["clustered", "independent"])
def test_shares_of_children_are_covered_as_often_as_documented(name):
    """The interval of a share, which takes children as independent, covers less than it says."""
    rng, found = np.random.default_rng(9), []
    for n in (3, 5, 10, 20):
        parts = rng.binomial(8, rng.beta(1.5, 3.5, (1_000, n))).tolist()
        ones = [
            clustered_share(part, [8] * n)
            if name == "clustered"
            else share_interval(sum(part), 8 * n)
            for part in parts
        ]
        found.append(statistics.fmean(one.low <= 0.3 <= one.high for one in ones))
    assert found == documented(clustered_share, name)
