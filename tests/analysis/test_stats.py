"""Statistics by hand, against definitions, and against scipy where it has the same."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, ttest_1samp

from harness.analysis.statistics.intervals import mean_interval, share_interval
from harness.analysis.statistics.paired import (
    compared,
    differences,
    holm,
    least_p,
    seeds_needed,
    signed_rank,
    signed_ranks,
    superiority,
)

VALUES = st.lists(st.integers(-9, 9).map(lambda v: v / 4), min_size=1, max_size=8)
PS = st.lists(st.floats(0, 1), min_size=1, max_size=9)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True))
def test_the_interval_is_students(values):
    found = mean_interval(values)
    theirs = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.mean == pytest.approx(statistics.fmean(values))


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_share_is_wilsons(counts):
    """Its ends are the chances from which the share is 1.96 standard deviations away."""
    part, whole = counts
    found, share = share_interval(part, whole), part / whole
    assert found.mean == share
    assert 0 <= found.low <= share <= found.high <= 1
    for end in (found.low, found.high):
        off = abs(share - end) / math.sqrt(end * (1 - end) / whole) if 0 < end < 1 else 1.96
        assert off == pytest.approx(1.96, abs=0.001)


def test_one_value_has_no_interval():
    assert mean_interval([3.0]) is None
    assert mean_interval([]) is None


@given(VALUES)
def test_the_signed_rank_test_is_exact_with_ties_and_zeros(values):
    """The share of all choices of signs whose rank sum lies at least as far from the middle."""
    ranks = [r if v else 0 for v, r in zip(values, rankdata([abs(v) for v in values]), strict=True)]

    def distance(signs):
        return abs(sum(s * r for s, r in zip(signs, ranks, strict=True)))

    seen = distance([(v > 0) - (v < 0) for v in values])
    every = [distance(signs) for signs in itertools.product((-1, 1), repeat=len(values))]
    expected = statistics.fmean(d >= seen - 1e-9 for d in every)
    assert signed_rank(values) == pytest.approx(expected)


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=20, unique_by=abs))
def test_without_ties_it_is_scipys(values):
    values = [v for v in values if v] or [1]
    assert signed_rank(values) == pytest.approx(signed_ranks(np.array([values]))[0])


def test_arms_are_paired_by_seed_never_by_position():
    assert differences({3: 0.5, 1: 0.25, 9: 1.0}, {1: 0.125, 2: 9.0, 3: 0.25}) == [0.125, 0.25]


@pytest.mark.parametrize(("comparisons", "seeds"), [(1, 6), (2, 7), (3, 7), (5, 8), (11, 9)])
def test_seeds_needed_are_the_fewest_that_can_be_significant(comparisons, seeds):
    assert seeds_needed(comparisons) == seeds
    ahead = [[1.0 + i / 8 for i in range(seeds)]] * comparisons
    assert all(one.p <= 0.05 for one in compared(ahead))
    assert [one.p for one in compared([d[1:] for d in ahead])] == [None] * comparisons
    assert signed_rank(ahead[0]) == least_p(seeds)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@given(PS)
def test_holm_rejects_what_stepping_down_rejects(ps):
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    rejected = set(itertools.takewhile(lambda i: ps[i] <= 0.05 / (len(ps) - order.index(i)), order))
    assert {i for i, p in enumerate(holm(ps)) if p <= 0.05 + 1e-12} >= rejected
    assert all(p >= raw for p, raw in zip(holm(ps), ps, strict=True))


def test_superiority_counts_ties_half():
    assert superiority([1, 2, 0, -1]) == 0.625
    assert superiority([]) is None


def test_what_could_be_significant_at_its_step_of_holm_gets_its_p():
    """Six pairs are too few for two comparisons, unless the other one is significant by itself."""
    eight, six = ([1.0 + i / 8 for i in range(n)] for n in (8, 6))
    assert [one.p for one in compared([eight, six])] == pytest.approx([2 * 2 / 2**8, 2 / 2**6])
    nothing = [(-1) ** i * (1.0 + i / 8) for i in range(8)]
    assert compared([nothing, six])[1].p is None


def test_too_few_pairs_get_no_p_and_the_others_keep_theirs():
    many, few = compared([[0.1 * k for k in range(1, 9)], [0.1, 0.2]])
    assert many.p == pytest.approx(2 * 2 / 2**8)
    assert (few.p, few.n, few.superiority) == (None, 2, 1.0)
    assert few.interval.mean == pytest.approx(0.15)
    assert compared([[]])[0].interval is None
