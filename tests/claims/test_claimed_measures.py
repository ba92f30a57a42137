"""What a claim is about: measures of runs, within generations and sizes."""

from dataclasses import replace

import pytest

from harness.analysis.loading import read_run
from harness.analysis.metric import Within
from harness.claims.statement import AHEAD
from harness.claims.wording import describe_value
from tests.support.claimed import claim
from tests.support.records import LINT, evaluated, record_run


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
        ("best_score", {}, 0.981),
        ("best_score", {"parameters": 3000}, 0.99),
        ("best_score", {"generation": 0}, 0.90),
        ("best_score", {"generation": 9}, 0.975),
        ("best_score", {"generation": 11}, None),
        ("best_score", {"generation": 2, "parameters": 2000}, 0.99),
        ("test_score", {}, 0.98),
        ("test_score", {"parameters": 450}, 0.98),
        ("test_score", {"parameters": 300}, None),
        ("parameters", {}, 400),
        ("parameters", {"generation": 0}, 500),
        ("seed_parameters", {}, 1000),
        ("seed_test_score", {}, 0.98),
        ("test_gain", {}, 0.0),
        ("best_score", {"parameters": 400}, 0.975),
        ("test_score", {"parameters": 400}, 0.98),
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
    assert grown.up_to(10) == grown


def test_the_test_split_chooses_nothing(tmp_path):
    """Of the small networks that one counts which the search scored best, and no re-training."""
    children = [("g0.c0", evaluated(0.97, 400)), ("g0.c1", evaluated(0.975, 450))]
    record_run(tmp_path / "run", arm="full", seed=0, children=children, finals=())
    run = read_run(tmp_path / "run")
    run.retrained.update({"g0.c0": (0.96,) * 3, "g0.c1": (0.90,)})
    run.finals.update({"g0.c0": (0.99, 0.97, 0.98), "g0.c1": (0.90,), "seed": (0.88,)})
    small = claim(measure="test_score", within=Within(parameters=500))
    assert small.value(run) == 0.90
    assert claim(measure="test_gain", within=Within(parameters=500)).value(run) == pytest.approx(
        0.02
    )
    gain = claim(measure="test_gain", relation=AHEAD, published=0.01)
    assert describe_value(gain, 0.02) == "+2.00 points"


def test_what_was_selected_on_test_images_has_no_validation_score(tmp_path):
    child = ("g0.c0", evaluated(0.97, 400))
    record_run(tmp_path / "run", arm="full", seed=0, children=[child], split="test")
    assert claim().value(read_run(tmp_path / "run")) is None


def test_networks_that_were_outpaced_are_valid(tmp_path):
    outpaced = {"gate": "fidelity", "kind": "outpaced", "reason": "fewer epochs"}
    children = [("g0.c0", evaluated(0.97, 400)), ("g0.c1", outpaced), ("g0.c2", LINT)]
    record_run(tmp_path / "run", arm="full", seed=0, children=children)
    run = read_run(tmp_path / "run")
    assert claim(measure="valid").value(run) == pytest.approx(2 / 3)
    assert replace(run, confirmed={"seed": (0.9,), "g9.c0": (1.0,)}).up_to(3).confirmed == {
        "seed": (0.9,)
    }
