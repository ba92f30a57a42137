"""Claims are judged by what was measured, and hold only where all of the interval does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.claims import (
    ABOUT,
    AHEAD,
    AT_LEAST,
    AT_MOST,
    EVERY_RUN,
    FAILS,
    HOLDS,
    MEASURED,
    UNDECIDED,
    Claim,
    Within,
    up_to,
)
from harness.errors import InputError
from harness.measures import Arm
from harness.reading import read_run
from tests.records import LINT, evaluated, record_run


def arm_of(folder, name, *accuracies, size=900):
    """An arm whose runs found one network each, so accurate."""
    runs = []
    for seed, accuracy in enumerate(accuracies):
        child = ("g0.c0", LINT if accuracy is None else evaluated(accuracy, size))
        record_run(folder / f"{name}-s{seed}", arm=name, seed=seed, children=[child])
        runs.append(read_run(folder / f"{name}-s{seed}"))
    return Arm(name=name, runs=tuple(runs), planned=len(runs))


def claim(**changed):
    settings = {
        "name": "best", "says": "best accuracy", "series": "best accuracy", "source": "a paper", "comparison": "c",
        "arm": "full", "measure": "best_accuracy", "published": 0.93, "tolerance": 0.01,
    }  # fmt: skip
    return Claim(**settings | changed)


@pytest.mark.parametrize(
    ("relation", "accuracies", "word"),
    [
        (ABOUT, (0.929, 0.930, 0.931), HOLDS),
        (ABOUT, (0.92, 0.93, 0.94), UNDECIDED),  # its mean is the published value, and no proof
        (ABOUT, (0.979, 0.980, 0.981), FAILS),
        (ABOUT, (0.879, 0.880, 0.881), FAILS),
        (AT_LEAST, (0.979, 0.980, 0.981), HOLDS),
        (AT_LEAST, (0.92, 0.93, 0.94), UNDECIDED),
        (AT_LEAST, (0.879, 0.880, 0.881), FAILS),
        (AT_MOST, (0.879, 0.880, 0.881), HOLDS),
        (AT_MOST, (0.979, 0.980, 0.981), FAILS),
    ],
)
def test_the_whole_interval_decides(tmp_path, relation, accuracies, word):
    verdict = claim(relation=relation).judge({"full": arm_of(tmp_path, "full", *accuracies)})
    assert (verdict.word, verdict.n) == (word, 3)
    assert verdict.holds == (word == HOLDS)
    assert verdict.measured.mean == pytest.approx(sum(accuracies) / 3)
    assert (
        f"[{100 * verdict.measured.low:.2f}, {100 * verdict.measured.high:.2f}] %" in verdict.told
    )
    assert verdict.told.startswith(word)


@pytest.mark.parametrize(
    ("others", "word"),
    [((0.90, 0.91, 0.92), HOLDS), ((0.93, 0.94, 0.96), FAILS), ((0.90, 0.95, 0.93), UNDECIDED)],
)
def test_an_order_is_of_differences_at_the_same_seeds(tmp_path, others, word):
    arms = {
        "full": arm_of(tmp_path, "full", 0.92, 0.929, 0.941),
        "no_eot": arm_of(tmp_path, "no_eot", *others),
    }
    verdict = claim(minus="no_eot", relation=AHEAD, published=0.003).judge(arms)
    assert verdict.word == word
    assert "points, wanted more than 0\n" in verdict.told
    assert "published +0.30 points" in verdict.told
    assert "3 runs of full less no_eot" in verdict.told


def test_one_run_decides_no_mean_and_every_run_by_itself(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.93)}
    assert claim().judge(arms).word == UNDECIDED
    assert claim(of=EVERY_RUN).judge(arms).word == HOLDS
    arms = {"full": arm_of(tmp_path, "full", 0.93, 0.95)}
    verdict = claim(of=EVERY_RUN).judge(arms)
    assert verdict.word == FAILS
    assert "measured 94.00 [93.00, 95.00] %, wanted ± 1.00 points, every run\n" in verdict.told
    assert "1 of 2 runs are there" in verdict.told


def test_a_run_without_a_value_is_never_left_out(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.93, 0.93, None)}
    verdict = claim().judge(arms)
    assert verdict.word == FAILS
    assert "1 of 3 runs have no such value" in verdict.told
    small = claim(within=Within(parameters=10)).judge(arms)
    assert (small.word, small.n, small.measured) == (FAILS, 0, None)


def test_a_size_holds_exactly_or_not(tmp_path):
    arms = {"full": arm_of(tmp_path, "full", 0.93)}
    exact = {"measure": "seed_parameters", "tolerance": 0, "of": EVERY_RUN}
    assert claim(published=1000, **exact).judge(arms).holds
    verdict = claim(published=1001, **exact).judge(arms)
    assert verdict.told == (
        "does not hold: measured 1,000, wanted exactly, every run\n"
        "  claim: best accuracy, published 1,001 (a paper)\n"
        "  measured in 1 run of full: mean [least, most]; 0 of 1 runs are there"
    )


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A run of two generations."""
    folder = tmp_path_factory.mktemp("grown") / "run"
    children = [
        ("g0.c0", evaluated(0.90, 500)),
        ("g1.c0", LINT),
        ("g1.c1", evaluated(0.975, 400)),
        ("g2.c0", evaluated(0.99, 2000)),
        ("g10.c0", evaluated(0.981, 900)),
    ]
    record_run(folder, arm="full", seed=0, children=children)
    return read_run(folder)


@pytest.mark.parametrize(
    ("measure", "within", "value"),
    [
        ("best_accuracy", {}, 0.981),
        ("best_accuracy", {"parameters": 3000}, 0.99),
        ("best_accuracy", {"generation": 0}, 0.90),
        ("best_accuracy", {"generation": 9}, 0.975),
        ("best_accuracy", {"generation": 2, "parameters": 2000}, 0.99),
        ("test_accuracy", {}, 0.98),
        ("test_accuracy", {"parameters": 450}, 0.98),
        ("test_accuracy", {"parameters": 300}, None),
        ("parameters", {}, 400),
        ("parameters", {"generation": 0}, 500),
        ("seed_parameters", {}, 1000),
        ("seed_test_accuracy", {}, 0.98),
        ("valid", {}, 0.8),
        ("valid", {"generation": 1}, 2 / 3),
        ("evaluations_to_half_size", {}, 2),
    ],
)
def test_what_is_measured(grown, measure, within, value):
    found = claim(measure=measure, within=Within(**within)).value(grown)
    assert found == (None if value is None else pytest.approx(value))


def test_hypervolume_grows_with_the_generations(grown):
    volumes = [
        claim(measure="hypervolume", within=Within(generation=g)).value(grown) for g in range(11)
    ]
    assert volumes == sorted(volumes)
    assert volumes[0] < volumes[1] < volumes[2] < volumes[10]
    assert volumes[-1] == grown.hypervolume
    assert claim(measure="anytime_hypervolume").value(grown) < grown.hypervolume
    assert up_to(grown, 10) == grown


def test_the_test_split_chooses_nothing(tmp_path):
    """Of the small networks that one counts which re-trains best on validation images."""
    children = [("g0.c0", evaluated(0.97, 400)), ("g0.c1", evaluated(0.975, 450))]
    record_run(tmp_path / "run", arm="full", seed=0, children=children, finals=())
    run = read_run(tmp_path / "run")
    run.retrained.update({"g0.c0": (0.96,), "g0.c1": (0.95,)})
    run.finals.update({"g0.c0": (0.90,), "g0.c1": (0.99,)})
    small = claim(measure="test_accuracy", within=Within(parameters=500))
    assert small.value(run) == 0.90


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"measure": "beauty"}, "measure: expected one of best_accuracy, "),
        ({"relation": "near"}, "relation: expected one of about, at least, at most, ahead, got"),
        ({"of": "some"}, "of: expected one of mean, every run, got some"),
        ({"tolerance": -1}, "tolerance: expected a number of at least 0"),
        ({"relation": AHEAD}, "say minus: OTHER_ARM"),
        ({"measure": "valid", "within": Within(parameters=3)}, "valid cannot"),
        ({"measure": "test_accuracy", "within": Within(generation=3)}, "test_accuracy cannot"),
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
    order = [FAILS, UNDECIDED, HOLDS]
    words = [c._side(low, low + reach) for c in (strict, lax)]
    assert order.index(words[0]) <= order.index(words[1])
    if words[1] == FAILS:
        assert reach == 0 or not any(
            a <= x <= b for x in (low, low + reach) for a, b in [lax.bounds]
        )


@pytest.mark.parametrize("measure", sorted(MEASURED))
def test_every_measure_is_written_with_its_unit(measure):
    told = claim(measure=measure, tolerance=0).written(1234.5)
    assert told.endswith(" %") == MEASURED[measure].percent
    assert math.isclose(
        float(told.removesuffix(" %").replace(",", "")),
        1234.5 * (100 if MEASURED[measure].percent else 1),
        abs_tol=0.6,
    )
