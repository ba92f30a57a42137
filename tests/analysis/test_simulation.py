"""Statistics judged by simulated studies whose truth is known (``nox -s simulation``).

The rates that docstrings give are measured here, and have to agree within a point.
"""

import math
import statistics

import numpy as np
import pytest
from scipy.stats import beta, binom, binomtest, t

from harness.analysis.statistics.family import compared, compared_both_ways, equivalence
from harness.analysis.statistics.intervals import (
    LEVEL,
    mean_interval,
    prediction_interval,
)
from harness.analysis.statistics.noise import Noise, pooled_noise
from harness.analysis.statistics.paired import (
    holm,
    shift,
    shift_within,
    signed_rank,
    signed_ranks,
    superiority,
)
from harness.analysis.statistics.power import detectable
from tests.support.simulated_studies import DISTRIBUTIONS, STUDIES, documented

pytestmark = pytest.mark.simulation

PAIRS = (6, 8, 12, 20)


def upper_bound(hits, studies):
    """One-sided 99 % bound of a rate (Clopper and Pearson 1934)."""
    return beta.ppf(0.99, hits + 1, studies - hits)


def differences_of(name, n, studies=STUDIES):
    """Return rounded differences of arms that draw from one distribution, (studies, n)."""
    drawn, _ = DISTRIBUTIONS[name]
    rng = np.random.default_rng([n, *name.encode()])
    return np.round(drawn(rng, (studies, n)) - drawn(rng, (studies, n)), 9)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_two_identical_arms_are_called_different_as_rarely_as_documented(name):
    found = []
    for n in PAIRS:
        hits = sum(signed_rank(gap) <= LEVEL for gap in differences_of(name, n))
        assert upper_bound(hits, STUDIES) <= 0.055
        found.append(hits / STUDIES)
    if name in {"normal", "scores"}:
        assert found == documented(signed_rank, name)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_of_four_arms_like_the_reference_one_is_called_different_as_rarely(name):
    """All four share the reference's values, so their tests depend on each other."""
    drawn, _ = DISTRIBUTIONS[name]
    rng = np.random.default_rng([4, *name.encode()])
    reference = drawn(rng, (STUDIES // 4, 1, 10))
    gaps = np.round(drawn(rng, (STUDIES // 4, 4, 10)) - reference, 9)
    hits = sum(any(one.p <= LEVEL for one in compared(family)) for family in gaps.tolist())
    assert upper_bound(hits, STUDIES // 4) <= 0.055


def test_who_stops_at_the_first_significant_table_errs_as_often_as_the_docs_say():
    gaps = differences_of("normal", 20)
    found = [signed_ranks(gaps[:, :n]) <= LEVEL for n in range(6, 21)]
    assert np.any(found, axis=0).mean() == pytest.approx(0.16, abs=0.01)


def test_runs_that_fail_as_often_in_both_arms_make_no_difference():
    """One run in ten has no value and counts as the worst."""
    found = []
    for n in PAIRS:
        rng, shape = np.random.default_rng(n), (STUDIES // 4, 2, n)
        values = np.where(rng.random(shape) < 0.1, -math.inf, rng.normal(size=shape))
        one, other = values[:, 0], values[:, 1]
        with np.errstate(invalid="ignore"):
            gaps = np.where(one == other, 0.0, one - other)
        ps = [signed_rank(gap) for gap in gaps]
        for gap, pair, p in zip(gaps[:20], np.isfinite(values).all(1), ps, strict=False):
            (judged,) = compared_both_ways([gap.tolist()], [gap[pair].tolist()])
            assert judged.p == p
        hits = sum(p <= LEVEL for p in ps)
        assert upper_bound(hits, STUDIES // 4) <= 0.055
        found.append(hits / (STUDIES // 4))
    assert found == documented(compared_both_ways, "one in ten is missing"), found


def test_of_several_arms_like_the_reference_one_is_called_different_as_rarely_as_documented():
    found = {"alone": [], "adjusted": []}
    for arms in (1, 4, 8):
        rng = np.random.default_rng(arms)
        reference = rng.normal(size=(2_000, 1, 20))
        families = rng.normal(size=(2_000, arms, 20)) - reference
        ps = [[signed_rank(pairs) for pairs in family] for family in families]
        found["alone"].append(statistics.fmean(min(family) <= LEVEL for family in ps))
        found["adjusted"].append(statistics.fmean(min(holm(family)) <= LEVEL for family in ps))
    for name, rates in found.items():
        assert rates == documented(holm, name), (name, rates)


@pytest.mark.parametrize(
    "name", ["normal", "scores", "exponential", "lognormal", "one in ten fails"]
)
def test_intervals_of_differences_cover_as_often_as_documented(name):
    """Against a reference that is normal with the same deviation, so that skewed arms stay skewed."""
    drawn, _ = DISTRIBUTIONS[name]

    def gaps(rng, shape):
        if name in {"normal", "scores"}:
            return np.round(drawn(rng, shape) - drawn(rng, shape), 9)
        return drawn(rng, shape) - rng.normal(0, spread, shape)

    rng = np.random.default_rng([3, *name.encode()])
    spread = 0.005 if name == "one in ten fails" else drawn(rng, 10**6).std()
    one = gaps(rng, 4 * 10**6)
    truth = 0.0 if name in {"normal", "scores"} else np.median((one + rng.permutation(one)) / 2)
    found = [
        statistics.fmean(
            (one := shift(study)).low <= truth <= one.high
            for study in gaps(np.random.default_rng([n, *name.encode()]), (STUDIES, n)).tolist()
        )
        for n in PAIRS
    ]
    assert found == documented(shift, name)


def covered(low, high, chance):
    """Return the chance that one of these intervals, by the number of wins, holds the chance."""
    wins = binom.pmf(np.arange(len(low)), len(low) - 1, chance)
    return float(wins[(low <= chance) & (chance <= high)].sum())


def test_shares_of_seeds_ahead_are_covered_as_often_as_documented():
    """Computed for every share on a grid and just beside the ends of the intervals."""
    found = {}
    for n in (1, 3, 6, 8, 12, 20):
        intervals = {
            "": [superiority([1.0] * k + [-1.0] * (n - k)) for k in range(n + 1)],
            "Wilson, ": [
                binomtest(k, n).proportion_ci(0.95, method="wilson") for k in range(n + 1)
            ],
        }
        for name, ones in intervals.items():
            low, high = (np.array([getattr(one, end) for one in ones]) for end in ("low", "high"))
            ends = np.concatenate([low, high])
            grid = np.concatenate([np.linspace(0.001, 0.999, 999), ends - 1e-9, ends + 1e-9])
            worst = min(covered(low, high, p) for p in grid if 0 < p < 1)
            found.setdefault(f"{name}at the worst share", []).append(worst)
            for percent in (50, 80, 95):
                row = found.setdefault(f"{name}ahead at {percent} % of seeds", [])
                row.append(covered(low, high, percent / 100))
    assert min(found["at the worst share"]) >= 0.95
    for name, rates in found.items():
        if not name.startswith("Wilson, ahead"):
            assert rates == documented(superiority, name, within=0.001), (name, rates)


def test_ties_that_count_half_leave_the_share_covered():
    for n in PAIRS:
        studies = differences_of("scores", n, STUDIES // 4).tolist()
        covered = [(one := superiority(study)).low <= 0.5 <= one.high for study in studies]
        assert statistics.fmean(covered) >= 0.93


@pytest.mark.parametrize("difference", [1.5, 0])
def test_a_difference_as_large_as_the_margin_is_called_irrelevant_as_rarely_as_documented(
    difference,
):
    found = []
    for n in PAIRS:
        studies = np.random.default_rng([n, 15]).normal(difference, 1, (STUDIES // 4, n))
        found.append(statistics.fmean(equivalence(study, 1.5) <= LEVEL for study in studies))
    if difference:
        assert max(found) <= 0.03
    assert found == documented(equivalence, f"true difference {difference}"), found


@pytest.mark.parametrize(
    ("percent", "mean"), [(25, "mean 0.175"), (10, "mean 0.07"), (25, "median alone")]
)
def test_arms_that_fail_at_some_seeds_are_called_equal_as_rarely_as_documented(percent, mean):
    found = []
    for n in PAIRS:
        rng, shape = np.random.default_rng([n, percent]), (STUDIES // 4, n)
        saved = rng.normal(0.7, 0.05, shape) * (rng.random(shape) >= percent / 100)
        studies = saved - rng.normal(0.7, 0.05, shape)
        test = shift_within if mean == "median alone" else equivalence
        found.append(statistics.fmean(test(study, 0.15) <= LEVEL for study in studies))
    assert found == documented(equivalence, f"fails at {percent} %, {mean}"), found


def test_of_several_arms_that_differ_one_is_called_equal_as_rarely_as_documented():
    found = {"alone": [], "adjusted": []}
    for arms in (1, 4, 8):
        rng = np.random.default_rng(arms)
        reference = rng.normal(0, math.sqrt(0.5), (2_000, 1, 20))
        families = rng.normal(1.5, math.sqrt(0.5), (2_000, arms, 20)) - reference
        ps = [[equivalence(pairs, 1.5) for pairs in family] for family in families]
        found["alone"].append(statistics.fmean(min(family) <= LEVEL for family in ps))
        found["adjusted"].append(statistics.fmean(min(holm(family)) <= LEVEL for family in ps))
    for name, rates in found.items():
        assert rates == documented(equivalence, name), (name, rates)


@pytest.mark.parametrize("name", ["normal", "uniform", "exponential", "exponential, mirrored"])
def test_a_detectable_difference_is_found_as_often_as_documented(name):
    """Differences are of this shape about their mean, not symmetric."""
    shape, _, mirrored = name.partition(", ")
    drawn, mean = DISTRIBUTIONS[shape]
    deviation = drawn(np.random.default_rng(1), 10**6).std() * (-1 if mirrored else 1)
    found = []
    for n in PAIRS:
        rng = np.random.default_rng([n, *name.encode()])
        noise = (drawn(rng, (STUDIES // 4, n)) - mean) / deviation
        size = detectable(n, comparisons=1)
        found.append(statistics.fmean(signed_rank(study) <= LEVEL for study in noise + size))
    assert found == documented(detectable, name)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_intervals_cover_as_often_as_documented(name):
    drawn, mean = DISTRIBUTIONS[name]
    found = []
    for n in (3, 5, 10, 20):
        values = drawn(np.random.default_rng([n, *name.encode()]), (STUDIES, n))
        reach = t.ppf(1 - LEVEL / 2, n - 1) * values.std(1, ddof=1) / math.sqrt(n)
        one = mean_interval(values[0].tolist())
        assert (one.high - one.low) / 2 == pytest.approx(reach[0])
        found.append((np.abs(values.mean(1) - mean) <= reach + 1e-12).mean())
    assert found == documented(mean_interval, name)


@pytest.mark.parametrize("name", ["normal", "scores", "exponential", "one in ten fails"])
def test_one_further_value_is_predicted_as_often_as_documented(name):
    drawn, _ = DISTRIBUTIONS[name]
    found = []
    for n in (3, 5, 7, 10):
        studies = drawn(np.random.default_rng([n, *name.encode()]), (STUDIES, n + 1)).tolist()
        intervals = [(prediction_interval(further), value) for value, *further in studies]
        covered = [one is not None and one.low <= value <= one.high for one, value in intervals]
        found.append(statistics.fmean(covered))
    assert found == documented(prediction_interval, name)


def test_an_exact_repetition_of_a_curve_is_said_to_hold_in_95_percent_of_studies():
    """Best-so-far curves over 20 generations, judged as claims are: by the mean of eight points."""
    rng = np.random.default_rng(8)
    curves = np.maximum.accumulate(rng.normal(0.92, 0.004, (STUDIES // 4, 8, 20)), axis=2)
    published, ours = (
        curves[:, 0, [0, 2, 5, 6, 7, 9, 11, 19]],
        curves[:, 1:, [0, 2, 5, 6, 7, 9, 11, 19]],
    )
    held = [
        (one := prediction_interval(runs)).low <= value <= one.high
        for value, runs in zip(published.mean(1).tolist(), ours.mean(2).tolist(), strict=True)
    ]
    assert 0.94 <= statistics.fmean(held) <= 0.96


def test_equal_networks_fail_a_limit_as_often_as_foretold():
    """Twelve trainings tell the error, two means of three others differ."""
    rng, studies = np.random.default_rng(6), 200_000
    variance = rng.normal(size=(studies, 4, 3)).var(2, ddof=1).mean(1)
    one, other = rng.normal(size=(2, studies, 3)).mean(2)
    errors = np.sqrt(2 / 3 * variance)
    assert pooled_noise([[1, 2, 6], [4, 4, 1]], variances=2 / 3).error == pytest.approx(
        math.sqrt(2 / 3 * (7 + 3) / 2)
    )
    noise = Noise(error=1.0, n=12, freedom=8, deviation=1.0, typical=1.0, noisiest=0.25)
    found = {"found": [(one - other < -limit * errors).mean() for limit in (2, 3, 4)]}
    found["Student"] = [1 - noise.passing(limit, loss=0) for limit in (2, 3, 4)]
    found["normal"] = [statistics.NormalDist().cdf(-limit) for limit in (2, 3, 4)]
    assert found["found"] == pytest.approx(found["Student"], abs=0.002)
    by_network = np.array([0.43, 0.43, 0.75, 0.75])[:, None]
    variance = (by_network * rng.normal(size=(studies, 4, 3))).var(2, ddof=1).mean(1)
    gaps, errors = 0.43 * one - 0.75 * other, np.sqrt(2 / 3 * variance)
    found["unequal"] = [(gaps < -limit * errors).mean() for limit in (2, 3, 4)]
    for name, rates in found.items():
        assert rates == documented(Noise.passing, name, within=0.002), (name, rates)


def test_with_the_trainings_that_are_told_equal_networks_fail_as_rarely_as_documented():
    """Three trainings told the error; networks of one true score are then trained as told."""
    found = {"mean": [], "one in ten": []}
    for freedom in (2, 8, 24):
        rng = np.random.default_rng(freedom)
        deviations = np.sqrt(rng.chisquare(freedom, 4_000) / freedom).tolist()
        fail = []
        for deviation in deviations:
            error = math.sqrt(2 / 3) * deviation
            noise = Noise(
                error=error,
                n=freedom,
                freedom=freedom,
                deviation=deviation,
                typical=deviation,
                noisiest=0.0,
            )
            trainings = 3 * noise.trainings_needed(0.5, failing=0.025)
            fail.append(statistics.NormalDist().cdf(-0.5 / math.sqrt(2 / trainings)))
        found["mean"].append(statistics.fmean(fail))
        found["one in ten"].append(np.quantile(fail, 0.9))
    for name, rates in found.items():
        assert rates == documented(Noise.trainings_needed, name, within=0.002), found


def test_of_many_networks_two_points_worse_one_passes_as_often_as_the_docs_say():
    """With the standard errors in the ladder's table: 1.05 points less, 0.786 on test."""
    rng, shape = np.random.default_rng(24), (STUDIES, 24)
    validation = 0.0105 / math.sqrt(1 + 1 / 3)
    best = rng.normal(-0.02, validation, shape).max(1)
    near = best >= rng.normal(0, validation, (STUDIES, 3)).mean(1) - 0.01
    test, seed = rng.normal([[-0.02], [0]], 0.00786 / math.sqrt(2), (2, STUDIES))
    assert near.mean() == pytest.approx(0.87, abs=0.01)
    assert (near & (test >= seed - 0.02)).mean() == pytest.approx(0.43, abs=0.01)
