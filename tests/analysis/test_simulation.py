"""Statistics judged by simulated studies whose truth is known (``nox -s simulation``)."""

import math

import numpy as np
import pytest
from scipy.stats import beta, t

from harness.analysis.statistics.intervals import LEVEL, mean_interval
from harness.analysis.statistics.paired import compared, signed_rank

pytestmark = pytest.mark.simulation

STUDIES = 40_000
"""So many that a rate of 5 % shows a bound of 5.3 %; with 5,000 it would show 5.7 %."""
IMAGES = 359
DISTRIBUTIONS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "uniform": (lambda rng, shape: rng.uniform(-1, 1, shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "lognormal": (lambda rng, shape: rng.lognormal(size=shape), math.exp(0.5)),
    "scores": (lambda rng, shape: rng.binomial(IMAGES, 0.98, shape) / IMAGES, 0.98),
    "one in ten fails": (
        lambda rng, shape: np.where(rng.random(shape) < 0.1, 0.1, rng.normal(0.98, 0.005, shape)),
        0.1 * 0.1 + 0.9 * 0.98,
    ),
}


def upper_bound(hits, studies):
    """One-sided 99 % bound of a rate (Clopper and Pearson 1934)."""
    return beta.ppf(0.99, hits + 1, studies - hits)


@pytest.mark.parametrize("n", [6, 8, 12, 20])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_two_identical_arms_are_called_different_in_at_most_55_of_1000_studies(name, n):
    drawn, _ = DISTRIBUTIONS[name]
    rng = np.random.default_rng([n, *name.encode()])
    gaps = drawn(rng, (STUDIES, n)) - drawn(rng, (STUDIES, n))
    hits = sum(signed_rank(gap) <= LEVEL for gap in gaps)
    assert upper_bound(hits, STUDIES) <= 0.055


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_of_four_arms_like_the_reference_one_is_called_different_as_rarely(name):
    """All four share the reference's values, so their tests depend on each other."""
    drawn, _ = DISTRIBUTIONS[name]
    rng = np.random.default_rng([4, *name.encode()])
    reference = drawn(rng, (STUDIES // 4, 1, 10))
    gaps = drawn(rng, (STUDIES // 4, 4, 10)) - reference
    hits = sum(any(one.p <= LEVEL for one in compared(family)) for family in gaps.tolist())
    assert upper_bound(hits, STUDIES // 4) <= 0.055


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
    (row,) = [
        line.split()
        for line in mean_interval.__doc__.splitlines()
        if line.strip().startswith(f"{name}  ")
    ]
    documented = [float(share) / 100 for share in row[-4:]]
    assert found == pytest.approx(documented, abs=0.01)
