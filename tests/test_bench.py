"""The benchmarks of overhead still run; ``nox -s bench`` measures with them."""

import random
import statistics
import subprocess
import sys

import pytest

import harness
from bench.equal_arms import found
from bench.noise import saved, told
from tests.conftest import ROOT
from tests.support.records import evaluated, record_run


def test_equal_halves_differ_seldom_and_a_drift_is_found():
    rng, seeds = random.Random(0), range(20)
    noise = {("an arm", f"measure {k}"): {s: rng.gauss() for s in seeds} for k in range(200)}
    assert 0 < len(found(noise, seeds)) <= 20  # 5 % of them, 10 expected
    drift = {key: {s: v + 10 * s for s, v in values.items()} for key, values in noise.items()}
    assert len(found(drift, seeds)) == len(drift)


def test_noise_margin_and_seeds_of_a_pilot(tmp_path):
    scores = [0.5, 0.52, 0.54]
    children = [(f"g{k}.c0", evaluated(score, 1000)) for k, score in enumerate(scores)]
    record_run(tmp_path / "luck", arm="seed_only", seed=0, children=children)
    for seed in range(4):
        for arm, n_params in (("nas", 900 - 100 * seed), ("width", 100)):
            record_run(
                tmp_path / f"{arm}{seed}", arm=arm, seed=seed, finals=(0.97, 0.98, 0.99),
                children=[("g0.c0", evaluated(0.99, n_params))],
            )  # fmt: skip
    runs = harness.load(tmp_path)
    noise, within, margin, nas_noise, nas, _, width, pairs = told(runs)
    assert (
        "3 trainings: mean 52.00%, standard deviation 2.00 [1.04, 12.57] points, 50.00% to 54.00%"
        in noise
    )
    assert "3 re-trainings at each of 4 seeds: standard deviation within a seed 1.00 [" in within
    assert nas_noise.startswith("Test accuracy of the network that nas selects: standard deviation")
    assert "0.82 points; the margin of 2 points is 2.4 times that" in margin
    values = saved(runs)
    assert len(set(values["nas"].values())) == 4
    assert set(map(len, values.values())) == {4}
    assert nas.startswith("nas saves ")
    assert width.endswith("nothing at 0 of 4 seeds.")
    differences = [values["nas"][s] - values["width"][s] for s in range(4)]
    assert f"mean {statistics.fmean(differences):+.3f}" in pairs
    assert f"standard deviation {statistics.stdev(differences):.3f} [" in pairs


@pytest.mark.bench
def test_the_benchmarks_of_overhead_run():
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "--benchmark-disable"]
    done = subprocess.run(
        [*command, "bench/test_overhead.py"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
