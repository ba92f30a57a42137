"""Claims are judged by what was measured, and hold only where all of the interval does."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.arm import Arm
from harness.analysis.loading import read_run
from harness.analysis.metric import Quantity, Within
from harness.analysis.metrics import METRICS, claimable_metrics
from harness.claims.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_CONTRADICTED, side
from harness.claims.statement import ABOUT, AHEAD, AT_LEAST, AT_MOST, EVERY_RUN, ONE_RUN
from harness.claims.wording import describe_value, describe_verdict
from harness.errors import InputError, NotRun
from tests.support.claimed import arm_of, claim
from tests.support.records import evaluated, record_run


@pytest.mark.parametrize(
    ("relation", "scores", "word"),
    [
        (ABOUT, (0.929, 0.930, 0.931), HOLDS),
        (ABOUT, (0.92, 0.93, 0.94), INCONCLUSIVE),  # its mean is the published value, and no proof
        (ABOUT, (0.979, 0.980, 0.981), FAILS),
        (ABOUT, (0.879, 0.880, 0.881), FAILS),
        (AT_LEAST, (0.979, 0.980, 0.981), HOLDS),
        (AT_LEAST, (0.92, 0.93, 0.94), INCONCLUSIVE),
        (AT_LEAST, (0.879, 0.880, 0.881), FAILS),
        (AT_MOST, (0.879, 0.880, 0.881), HOLDS),
        (AT_MOST, (0.979, 0.980, 0.981), FAILS),
    ],
)
def test_the_whole_interval_decides(tmp_path, relation, scores, word):
    verdict = claim(relation=relation).judge({"full": arm_of(tmp_path, "full", *scores)})
    assert (verdict.word, verdict.n) == (word, 3)
    assert verdict.passes == (word == HOLDS)
    assert verdict.measured.mean == pytest.approx(sum(scores) / 3)
    assert (
        f"[{100 * verdict.measured.low:.2f}, {100 * verdict.measured.high:.2f}] %"
        in describe_verdict(verdict)
    )
    assert describe_verdict(verdict).startswith(word)


@pytest.mark.parametrize(
    ("relation", "published", "word"),
    [
        (ABOUT, 0.93, NOT_CONTRADICTED),
        (
            ABOUT,
            0.955,
            NOT_CONTRADICTED,
        ),  # of further runs, one in 20 lies further than 4.97 points away
        (ABOUT, 0.985, FAILS),
        (ABOUT, 0.875, FAILS),
        (AT_LEAST, 0.955, NOT_CONTRADICTED),
        (AT_MOST, 0.955, NOT_CONTRADICTED),
        (AT_LEAST, 0.985, FAILS),
        (AT_LEAST, 0.875, HOLDS),
        (AT_MOST, 0.875, FAILS),
        (AT_MOST, 0.985, HOLDS),
    ],
)
def test_a_number_of_one_run_is_compared_with_what_one_further_run_may_be(
    tmp_path, relation, published, word
):
    """Student's t of two degrees of freedom is 4.303; times 0.01 times the root of 1 + 1/3."""
    arms = {"full": arm_of(tmp_path, "full", 0.92, 0.93, 0.94)}
    one = claim(relation=relation, published=published, tolerance=0, of=ONE_RUN)
    verdict = one.judge(arms)
    assert verdict.word == word
    assert verdict.passes == (word != FAILS)
    assert verdict.measured.high - 0.93 == pytest.approx(4.3027 * 0.01 * math.sqrt(4 / 3), rel=1e-3)
    assert "one run\n" in describe_verdict(verdict)
    assert "mean [95 % of one further run]" in describe_verdict(verdict)
    alone = {"full": arm_of(tmp_path / "alone", "full", published)}
    assert one.judge(alone).word == INCONCLUSIVE


def test_a_curve_has_one_verdict_on_the_mean_of_its_points(tmp_path):
    """Three runs, whose best rises from generation 0 to 1; the published curve has both."""
    runs = []
    for seed, (early, late) in enumerate(((0.90, 0.95), (0.91, 0.94), (0.92, 0.96))):
        children = [("g0.c0", evaluated(early, 900)), ("g1.c0", evaluated(late, 900))]
        record_run(tmp_path / f"{seed}", arm="full", seed=seed, children=children)
        runs.append(read_run(tmp_path / f"{seed}"))
    arms = {"full": Arm(name="full", runs=tuple(runs), planned=3)}
    points = tuple(
        claim(name=f"best_g{g}", within=Within(generation=g), published=at, of=ONE_RUN)
        for g, at in ((0, 0.93), (1, 0.93))
    )
    curve = claim(published=0.93, of=ONE_RUN, points=points)
    assert curve.values(arms) == pytest.approx([0.925, 0.925, 0.94])
    verdict = curve.judge(arms)
    assert (verdict.word, verdict.n) == (NOT_CONTRADICTED, 3)
    assert verdict.measured.mean == pytest.approx(0.93)
    late = replace(points[1], within=Within(generation=2))
    unreached = replace(curve, points=(points[0], late)).judge(arms)
    assert (unreached.word, unreached.measured) == (INCONCLUSIVE, None)
    assert "3 of 3 runs have not found" in unreached.reason
    assert unreached.reason.endswith("by generation 2, or ended before it")


@pytest.mark.parametrize(
    ("others", "word"),
    [((0.90, 0.91, 0.92), HOLDS), ((0.93, 0.94, 0.96), FAILS), ((0.90, 0.95, 0.93), INCONCLUSIVE)],
)
def test_an_order_is_of_differences_at_the_same_seeds(tmp_path, others, word):
    arms = {
        "full": arm_of(tmp_path, "full", 0.92, 0.929, 0.941),
        "no_eot": arm_of(tmp_path, "no_eot", *others),
    }
    verdict = claim(minus="no_eot", relation=AHEAD, published=0.003).judge(arms)
    assert verdict.word == word
    assert "points, required more than 0 (sign only)\n" in describe_verdict(verdict)
    assert "published +0.30 points" in describe_verdict(verdict)
    assert "3 runs of full less no_eot" in describe_verdict(verdict)


def test_pairs_are_of_the_same_seed_wherever_it_stands(tmp_path):
    """Pairs by position would be ahead by 2 points each, and by seed one is behind."""
    arms = {
        "full": arm_of(tmp_path, "full", 0.92, 0.93, 0.94, seeds=(1, 2, 3)),
        "no_eot": arm_of(tmp_path, "no_eot", 0.90, 0.91, 0.92, seeds=(2, 3, 1)),
    }
    gain = claim(minus="no_eot", relation=AHEAD)
    assert gain.values(arms) == pytest.approx([0.0, 0.03, 0.03])
    assert gain.judge(arms).word == INCONCLUSIVE


@pytest.mark.parametrize(
    ("others", "of", "word"),
    [
        ((0.92, 0.93, 0.94), EVERY_RUN, FAILS),  # no difference is none
        ((0.9205, 0.9305, 0.9405), EVERY_RUN, FAILS),
        ((0.9195, 0.9295, 0.9395), EVERY_RUN, HOLDS),
        ((0.92, 0.93, 0.94), "mean", INCONCLUSIVE),  # and has no interval
        ((0.91, 0.92, 0.93), "mean", INCONCLUSIVE),  # nor have differences that are all the same
        ((0.9190, 0.9289, 0.9388), "mean", HOLDS),
        ((0.9210, 0.9311, 0.9412), "mean", FAILS),
    ],
)
def test_ahead_is_more_than_nothing(tmp_path, others, of, word):
    arms = {
        "full": arm_of(tmp_path, "full", 0.92, 0.93, 0.94),
        "no_eot": arm_of(tmp_path, "no_eot", *others),
    }
    assert claim(minus="no_eot", relation=AHEAD, of=of).judge(arms).word == word


def test_an_arm_of_which_a_run_is_missing_is_not_judged(tmp_path):
    whole = arm_of(tmp_path, "full", 0.93, 0.931)
    with pytest.raises(NotRun, match="2 of 3 runs of full done"):
        claim().judge({"full": replace(whole, planned=3)})
    running = replace(whole, runs=(whole.runs[0], replace(whole.runs[1], complete=False)))
    with pytest.raises(NotRun, match="1 of 2 runs of full done"):
        claim().judge({"full": running})


def test_one_run_decides_no_mean_and_every_run_by_itself(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.93)}
    assert claim().judge(arms).word == INCONCLUSIVE
    assert claim(of=EVERY_RUN).judge(arms).word == HOLDS
    arms = {"full": arm_of(tmp_path, "full", 0.93, 0.95)}
    verdict = claim(of=EVERY_RUN).judge(arms)
    assert verdict.word == FAILS
    assert "measured 94.00 [93.00, 95.00] %, required ± 1 points, every run\n" in describe_verdict(
        verdict
    )
    assert "1 of 2 runs are in the required range" in describe_verdict(verdict)


def test_a_run_without_a_value_is_never_left_out(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.93, 0.93, None)}
    verdict = claim().judge(arms)
    assert verdict.word == INCONCLUSIVE
    assert describe_verdict(verdict).endswith(
        "measured in 2 of 3 runs of full; 1 of 3 runs have not found a network of "
        "at most the seed network's parameters"
    )
    small = claim(within=Within(parameters=10)).judge(arms)
    assert (small.word, small.n, small.of, small.measured) == (INCONCLUSIVE, 0, 3, None)
    assert "3 of 3 runs have not found a network of at most 10 parameters" in describe_verdict(
        small
    )


def test_a_generation_that_no_run_came_to_is_no_value(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.93, 0.931)}
    early, late = (claim(within=Within(generation=g), tolerance=0.1) for g in (0, 1))
    assert early.judge(arms).passes
    verdict = late.judge(arms)
    assert verdict.word == INCONCLUSIVE
    assert "2 of 2 runs have not found a network" in describe_verdict(verdict)
    assert describe_verdict(verdict).endswith("by generation 1, or ended before it")


def test_no_interval_leaves_the_range_of_a_share(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.2, 0.9)}
    verdict = claim().judge(arms)
    assert (verdict.measured.low, verdict.measured.high) == (0, 1)
    assert verdict.word == INCONCLUSIVE


def test_a_size_holds_exactly_or_not(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.93)}
    exact = {"measure": "seed_parameters", "tolerance": 0, "of": EVERY_RUN}
    assert claim(published=1000, **exact).judge(arms).passes
    verdict = claim(published=1001, **exact).judge(arms)
    assert describe_verdict(verdict) == (
        "does not hold: measured 1,000, required exactly, every run\n"
        "  claim: best accuracy, published 1,001 (a paper)\n"
        "  measured in 1 run of full; 0 of 1 runs are in the required range"
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"measure": "beauty"},
            "measure: expected one of saved, saves, test_score (or test_accuracy), ",
        ),
        ({"measure": "beauty"}, " best_validation (or best_score, best_accuracy), "),
        ({"relation": "near"}, "relation: expected one of about, at least, at most, ahead, got"),
        ({"of": "some"}, "of: expected one of mean, one run, every run, got some"),
        ({"tolerance": -1}, "tolerance: expected a number from 0 on"),
        ({"tolerance": math.inf}, "tolerance: expected a number from 0 on"),
        ({"tolerance": math.nan}, "tolerance: expected a number from 0 on"),
        ({"published": math.nan}, "published: expected a number, got nan"),
        ({"published": 92.5}, "expected a share of 1, such as 0.925, got 92.5"),
        ({"relation": AHEAD}, "say minus: OTHER_ARM"),
        ({"relation": AHEAD, "minus": "no_eot", "published": -0.1}, "above 0, got -0.1"),
        ({"minus": "full"}, "expected another arm than full"),
        ({"within": Within(generation=-1)}, "within.generation: expected at least 0, got -1"),
        ({"within": Within(parameters=0)}, "within.parameters: expected at least 1, got 0"),
        ({"measure": "valid", "within": Within(parameters=3)}, "valid has none"),
        ({"measure": "test_score", "within": Within(generation=3)}, "test_score has none"),
    ],
)
def test_what_is_no_claim_is_named(changed, told):
    with pytest.raises(InputError, match=r"^claim best: ") as caught:
        claim(**changed)
    assert told in str(caught.value)


@given(
    low=st.floats(-1, 1),
    reach=st.floats(0, 1),
    published=st.floats(-1, 1),
    tolerance=st.floats(0, 1),
    relation=st.sampled_from([ABOUT, AT_LEAST, AT_MOST]),
)
def test_a_wider_tolerance_never_takes_a_verdict_back(low, reach, published, tolerance, relation):
    strict, lax = (
        claim(published=published, tolerance=t, relation=relation) for t in (0, tolerance)
    )
    order = [FAILS, INCONCLUSIVE, HOLDS]
    words = [side(c, low, low + reach) for c in (strict, lax)]
    assert order.index(words[0]) <= order.index(words[1])
    if words[1] == FAILS:
        assert reach == 0 or not any(
            a <= x <= b for x in (low, low + reach) for a, b in [lax.bounds]
        )


@pytest.mark.parametrize("measure", claimable_metrics())
def test_every_measure_is_written_with_its_unit(measure):
    told = describe_value(claim(measure=measure, published=1, tolerance=0), 1234.5)
    percent = METRICS[measure].quantity is not Quantity.NUMBER
    unit = {"test_gain": " points"}.get(measure, " %" if percent else "")
    assert told.endswith(unit)
    number = float(told.removesuffix(unit).replace(",", ""))
    assert number == pytest.approx(1234.5 * (100 if percent else 1), abs=0.6)
