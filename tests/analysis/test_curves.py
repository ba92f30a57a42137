"""Curves and surfaces of an arm, as figures draw them."""

import math

import pytest

from harness.analysis.arm import arms_of
from harness.analysis.curves.sensitivity import by_evaluations, by_setting
from harness.analysis.curves.series import band, outcomes, regressions, surface
from harness.analysis.curves.targets import reached
from harness.analysis.loading import read_runs
from harness.analysis.measures import saved
from harness.analysis.metrics import METRICS
from harness.evolution import pareto
from tests.support.records import LINT, SLOW, evaluated, record_run


@pytest.fixture
def arm(tmp_path):
    """Three seeds, the last of which has not ended."""
    for seed, children in enumerate((
        [("g0.c0", evaluated(0.9, 800)), ("g0.c1", evaluated(0.95, 900))],
        [("g0.c0", SLOW), ("g0.c1", evaluated(0.92, 700)), ("g0.c2", LINT)],
        [("g0.c0", evaluated(0.99, 100))],
    )):  # fmt: skip
        record_run(
            tmp_path / str(seed), arm="full", seed=seed, children=children, complete=seed < 2
        )
    (found,) = arms_of(read_runs([tmp_path / str(seed) for seed in range(3)]))
    return found


def test_what_a_share_of_fronts_attained():
    one, other = [(0.9, 1000), (0.8, 100)], [(0.85, 500)]
    assert pareto.attained([one, other], 0) == [(0.8, 100), (0.85, 500), (0.9, 1000)]
    assert pareto.attained([one, other], 1) == [(0.8, 500), (0.85, 1000)]
    assert pareto.attained([one, other, []], 0.5) == [(0.8, 500), (0.85, 1000)]
    assert pareto.attained([one, other, []], 1) == []  # a run that found nothing attains nothing
    assert pareto.attained([], 0.5) == []


def test_curves_begin_where_every_run_has_a_value_and_hold_to_the_end(arm):
    found = band(arm, x=METRICS["evaluations"], y=METRICS["best_validation"])
    assert found.x == (2,)  # one run found nothing before; the third has not ended
    assert found.median == (pytest.approx((0.95 + 0.92) / 2),)
    assert (found.low, found.high) == ((pytest.approx(0.9275),), (pytest.approx(0.9425),))
    volume = band(arm, x=METRICS["evaluations"], y=METRICS["hypervolume"])
    assert volume.x == (1, 2)
    assert volume.median[0] == pytest.approx(arm.finished[0].hypervolume_of([(0.9, 800)]) / 2)
    tokens = band(arm, x=METRICS["tokens"], y=METRICS["hypervolume"])
    assert tokens.x == (120, 240)
    assert tokens.x[-1] == 240


def test_an_axis_that_one_run_does_not_know_is_no_curve(tmp_path):
    for seed, tokens in enumerate((100, None)):
        record_run(tmp_path / str(seed), arm="full", seed=seed, tokens=tokens,
                   children=[("g0.c0", evaluated(0.9, 800))])  # fmt: skip
    (arm,) = arms_of(read_runs([tmp_path / "0", tmp_path / "1"]))
    assert band(arm, x=METRICS["tokens"], y=METRICS["hypervolume"]) is None
    assert band(arm, x=METRICS["train_s"], y=METRICS["hypervolume"]) is not None


def test_surfaces_ends_and_regressions_of_finished_runs(arm):
    assert surface(arm, 1) == [(0.9, 800), (0.92, 900)]
    assert outcomes(arm) == {"mutation": {"valid": 3, "train": 1, "lint": 1}}
    first, second = regressions(arm)
    assert (first.seed, first.in_search, second.in_search) == (0, 0.95, 0.92)
    assert (first.retrained, first.test) == (pytest.approx(0.975), pytest.approx(0.98))


def test_targets_are_reached_by_the_evaluation_of_the_first_small_network(tmp_path):
    """Of 21 sizes, 900 of 1,000 parameters is small enough for the first; 100 for 11."""
    for seed, children in enumerate((
        [("g0.c0", evaluated(0.98, 900)), ("g0.c1", LINT), ("g0.c2", evaluated(0.98, 100))],
        [("g0.c0", evaluated(0.5, 10))],
    )):  # fmt: skip
        record_run(tmp_path / str(seed), arm="full", seed=seed, children=children)
    (arm,) = arms_of(read_runs([tmp_path / "0", tmp_path / "1"]))
    assert reached(arm) == [(0, 0), (1, 1 / 42), (2, 11 / 42)]


def test_differences_by_evaluations_and_by_margin(tmp_path):
    """At every seed, the other arm finds after two evaluations what the reference has after one."""
    found = {
        "full": [evaluated(0.98, 500), evaluated(0.98, 400)],
        "other": [evaluated(0.98, 800), evaluated(0.98, 500)],
    }
    for arm, fates in found.items():
        for seed in range(6):
            record_run(
                tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                children=[(f"g0.c{k}", fate) for k, fate in enumerate(fates)],
            )  # fmt: skip
    full, other = arms_of(read_runs(sorted(tmp_path.iterdir())))
    (one, early), (two, late) = by_evaluations(other, full, METRICS["hypervolume"])
    assert (one, two) == (1, 2)
    assert early.estimate == early.low == early.high == pytest.approx(0.88 * math.log10(5 / 8))
    assert late.estimate == pytest.approx(0.88 * math.log10(4 / 5))
    for run in other.runs:  # 3 points below its seed network
        run.finals["g0.c1"] = (0.95, 0.95, 0.95)
    (_, strict), (_, lax) = by_setting(other, full, saved, (0.0, 0.05))
    assert strict.estimate == pytest.approx(-math.log10(1000 / 400))  # the other saves nothing
    assert lax.estimate == pytest.approx(math.log10(4 / 5))
