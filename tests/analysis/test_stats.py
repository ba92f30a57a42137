"""Statistics by hand, against definitions, and against scipy where it has the same."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, ttest_1samp, wilcoxon

from harness.analysis.statistics.family import compared, compared_both_ways, equivalence
from harness.analysis.statistics.intervals import clustered_share, mean_interval, share_interval
from harness.analysis.statistics.paired import (
    Shift,
    differences,
    holm,
    least_p,
    seeds_needed,
    shift,
    shift_within,
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
def test_the_interval_of_a_share_holds_every_chance_that_is_not_rejected(counts):
    """At its ends, so many cases or more, or so few or fewer, have a chance of 2.5 %."""
    part, whole = counts
    found, share = share_interval(part, whole), part / whole
    assert found.mean == share
    assert 0 <= found.low <= share <= found.high <= 1
    assert found.low == 0 or binom.sf(part - 1, whole, found.low) == pytest.approx(0.025)
    assert found.high == 1 or binom.cdf(part, whole, found.high) == pytest.approx(0.025)
    assert (found.low == 0, found.high == 1) == (part == 0, part == whole)


def test_the_interval_of_a_share_over_runs_is_as_wide_as_the_runs_differ():
    same = clustered_share([1, 1, 1, 1], [4, 4, 4, 4])
    assert (same.low, same.mean, same.high) == (0.25, 0.25, 0.25)
    apart = clustered_share([4, 0, 0, 0], [4, 4, 4, 4])
    assert (apart.low, apart.mean) == (0, 0.25)
    assert apart.high >= 0.75 > share_interval(4, 16).high
    assert clustered_share([1], [4]) is None


def test_one_value_has_no_interval():
    assert mean_interval([3.0]) is None
    assert mean_interval([]) is None
    assert mean_interval([0.7, 0.7 + 1e-12]) is None  # equal values tell no spread


@given(VALUES)
def test_p_is_the_largest_that_any_resolution_of_ties_gives(values):
    """Tied ranks in every order, zeros of either sign; each resolution is a test without ties."""
    n = len(values)
    w = [
        sum(s * (i + 1) for i, s in enumerate(signs))
        for signs in itertools.product((0, 1), repeat=n)
    ]

    def p_of(above):
        middle = n * (n + 1) / 4
        return statistics.fmean(abs(one - middle) >= abs(above - middle) for one in w)

    size = [abs(v) for v in values]
    below = [sum(other < one for other in size) for one in size]
    groups = [
        [v for v, b in zip(values, below, strict=True) if b == at] for at in sorted(set(below))
    ]
    least = most = start = 0
    for group in groups:
        ranks = range(start + 1, start + len(group) + 1)
        won, drawn = sum(v > 0 for v in group), sum(v == 0 for v in group)
        least += sum(ranks[:won])
        most += sum(ranks[len(group) - won - drawn :])
        start += len(group)
    assert signed_rank(values) == pytest.approx(
        max(p_of(above) for above in range(least, most + 1))
    )


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=20, unique_by=abs))
def test_without_ties_it_is_scipys(values):
    values = [v for v in values if v] or [1]
    theirs = wilcoxon(values, method="exact").pvalue
    assert signed_rank(values) == pytest.approx(theirs)
    assert signed_ranks(np.array([values]))[0] == pytest.approx(theirs)


TIED = st.lists(st.integers(-6, 9), min_size=1, max_size=16)


@given(TIED, st.sampled_from([360, 359, 7]))
def test_the_interval_excludes_zero_exactly_where_p_is_at_most_5_percent(counts, whole):
    pairs = [round(count / whole, 9) for count in counts]
    found = shift(pairs)
    excludes = found.low is not None and (found.low > 0 or found.high < 0)
    assert excludes == (signed_rank(pairs) <= 0.05)
    assert (found.low is None) == (len(pairs) < 6)
    if found.low is not None:
        assert found.low <= found.estimate <= found.high


@given(TIED, st.integers(-12, 18))
def test_the_interval_holds_every_difference_that_is_not_rejected(counts, twice):
    found = shift([float(count) for count in counts])
    inside = found.low is None or found.low <= twice / 2 <= found.high
    assert inside == (signed_rank([count - twice / 2 for count in counts]) > 0.05)


def test_the_estimate_is_the_median_of_all_means_of_two():
    """Of 1, 2, 6: the means are 1, 1.5, 2, 3.5, 4, 6."""
    assert shift([6.0, 1.0, 2.0]) == Shift(estimate=2.75, low=None, high=None)
    assert shift([]) is None


def test_the_interval_of_ten_pairs_leaves_out_eight_averages_on_either_side():
    """The table of critical values has 8 for ten pairs at 5 % (Wilcoxon 1945)."""
    pairs = [2.0**k for k in range(10)]
    averages = sorted((a + b) / 2 for i, a in enumerate(pairs) for b in pairs[i:])
    found = shift(pairs)
    assert (found.low, found.high) == (averages[8], averages[-9])


def test_means_of_fractions_that_are_equal_are_a_tie():
    """Means of three scores of 360 images with equal sums differ as floats, by about 1e-16."""
    triples = list(itertools.combinations_with_replacement(range(350, 358), 3))
    equal = [(a, b) for a, b in itertools.combinations(triples, 2) if sum(a) == sum(b)]
    one, other = (
        dict(enumerate(statistics.fmean(k / 360 for k in pair[side]) for pair in equal))
        for side in (0, 1)
    )
    dust = [one[seed] - other[seed] for seed in one]
    assert sum(d != 0 for d in dust) > len(dust) / 10
    found = differences(one, other)
    assert found == [0.0] * len(equal)
    assert superiority(found).mean == 0.5
    nearest = differences({0: 351 / 360, 1: 1 / 10_000 / 3}, {0: 352 / 360, 1: 0.0})
    assert nearest == [pytest.approx(-1 / 360, abs=1e-9), pytest.approx(1 / 30_000, abs=1e-9)]
    seven = dict.fromkeys(range(7), 1.1e-16)
    assert signed_rank(differences(seven, dict.fromkeys(seven, 0.0))) == 1


def test_arms_are_paired_by_seed_never_by_position():
    assert differences({3: 0.5, 1: 0.25, 9: 1.0}, {1: 0.125, 2: 9.0, 3: 0.25}) == [0.125, 0.25]


def test_a_missing_value_is_worse_than_any_or_left_out():
    one, other = {0: None, 1: 0.5, 2: None, 3: 0.75}, {0: 0.5, 1: None, 2: None, 3: 0.5}
    assert differences(one, other, missing=-math.inf) == [-math.inf, math.inf, 0.0, 0.25]
    assert differences(one, other, missing=math.inf) == [math.inf, -math.inf, 0.0, 0.25]
    assert differences(one, other) == [0.25]


def test_a_missing_value_ranks_first_and_moves_the_estimate_no_further_than_its_rank():
    ahead = [1.0 + i / 8 for i in range(7)]
    assert signed_rank([*ahead, -math.inf]) == signed_rank([*ahead, -9.0]) == 2 * 25 / 2**8
    found = shift([*ahead, -math.inf])
    assert (found.low, found.high) == (-math.inf, shift([*ahead, -9.0]).high)
    assert shift([-math.inf] * 6) == Shift(estimate=-math.inf, low=-math.inf, high=-math.inf)
    assert signed_rank([-math.inf] * 6) == 2 / 2**6
    opposite = [math.inf, -math.inf] * 3
    assert signed_rank(opposite) == 1
    assert shift(opposite) is None
    assert shift([*opposite, 1.0]).low == -math.inf


def test_a_comparison_with_missing_values_is_given_both_ways():
    known = [1.0 + i / 8 for i in range(6)]
    whole, partly = compared_both_ways([known, [*known, -math.inf]], [known, known], margin=9.0)
    assert whole.left_out is None
    assert (partly.n, partly.left_out.n) == (7, 6)
    assert partly.left_out.shift == shift(known)
    assert partly.shift.estimate < partly.left_out.shift.estimate
    assert partly.equivalent is False
    assert partly.deviation == statistics.stdev(known)


def test_pairs_that_miss_both_values_show_no_equality():
    known = [0.001 * (i % 2) for i in range(12)]
    alone, with_two = compared_both_ways([known, [*known, 0.0, 0.0]], [known, known], margin=0.15)
    assert alone.equivalent is True
    assert with_two.equivalent is False
    assert (with_two.n, with_two.left_out.n) == (14, 12)
    assert alone.mean is not None
    assert with_two.mean is None


def test_an_arm_without_a_known_pair_has_no_estimate_and_no_test():
    ahead = [1.0 + i / 8 for i in range(12)]
    other, nothing = compared_both_ways([ahead, [0.0] * 12], [ahead, []], margin=0.15)
    assert (nothing.n, nothing.left_out.n) == (12, 0)
    assert (nothing.shift, nothing.ahead, nothing.mean, nothing.p) == (None,) * 4
    assert not nothing.equivalent
    assert other.p == holm([signed_rank(ahead), 1.0])[0]


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
    found = superiority([1, 2, 0, -1])
    assert found.mean == 0.625
    assert (found.low, found.high) == (share_interval(2, 4).low, share_interval(3, 4).high)
    five = superiority([1, 1, 1, 1, 1, -1, -1])
    assert (round(five.low, 2), round(five.high, 2)) == (0.29, 0.96)
    one = superiority([-1])
    assert (one.low, round(one.high, 3)) == (0, 0.975)
    assert superiority([]) is None


@given(TIED, st.integers(1, 12))
def test_no_relevant_difference_is_two_intervals_within_the_margin(counts, margin):
    """That of the median of the means of two, and that of the mean."""
    pairs = [float(count) for count in counts]
    (found,) = compared([pairs], margin=margin / 2)
    if len(pairs) < 6:
        assert found.equivalent is None
        return
    ends = (found.shift.low, found.mean.low, found.shift.high, found.mean.high)
    assert found.equivalent == (-margin / 2 < min(ends) and max(ends) < margin / 2)


def test_a_rare_failure_that_the_median_does_not_see_is_no_equality():
    """One of twelve runs loses 0.7 decades; the interval of the median of means is within 0.15."""
    pairs = [0.01 * (-1) ** i * i for i in range(11)] + [-0.7]
    assert shift_within(pairs, 0.15) <= 0.05
    (found,) = compared([pairs], margin=0.15)
    assert -0.15 < found.shift.low < found.shift.high < 0.15
    assert found.mean.low < -0.15
    assert found.equivalent is False


def test_equality_is_adjusted_for_the_family_as_differences_are():
    pairs = [0.05 * (-1) ** i * (i + 1) for i in range(6)]
    p = equivalence(pairs, 0.5)
    assert 0.025 < p <= 0.05
    assert compared([pairs], margin=0.5)[0].equivalent
    assert [one.equivalent for one in compared([pairs, pairs], margin=0.5)] == [False, False]


def test_without_a_margin_or_enough_pairs_nothing_is_said_of_equality():
    near = [0.01, -0.02, 0.03, -0.04, 0.05, -0.06]
    assert compared([near])[0].equivalent is None
    assert compared([near[:5]], margin=9.0)[0].equivalent is None
    assert compared([near], margin=9.0)[0].equivalent is True
    assert compared([[0.0] * 6], margin=9.0)[0].equivalent is True
    missing = compared([[*near, -math.inf]], margin=9.0)[0]
    assert (missing.equivalent, missing.mean) == (False, None)


def test_what_could_be_significant_at_its_step_of_holm_gets_its_p():
    """Six pairs are too few for two comparisons, unless the other one is significant by itself."""
    eight, six = ([1.0 + i / 8 for i in range(n)] for n in (8, 6))
    assert [one.p for one in compared([eight, six])] == pytest.approx([2 * 2 / 2**8, 2 / 2**6])
    nothing = [(-1) ** i * (1.0 + i / 8) for i in range(8)]
    assert compared([nothing, six])[1].p is None


def test_too_few_pairs_get_no_p_and_the_others_keep_theirs():
    many, few = compared([[0.1 * k for k in range(1, 9)], [0.1, 0.2]])
    assert many.p == pytest.approx(2 * 2 / 2**8)
    assert (few.p, few.p_alone, few.n, few.ahead.mean) == (None, None, 2, 1.0)
    assert few.shift == Shift(estimate=pytest.approx(0.15), low=None, high=None)
    assert (few.detectable, few.equivalent) == (None, None)
    assert compared([[]])[0].shift is None
