"""How many seeds a comparison needs, told before any is spent."""

import statistics

import pytest
from scipy.stats import binom

from harness.analysis.statistics.paired import seeds_needed
from harness.analysis.statistics.power import detectable, power_of, seeds_to_find
from tests.support.commands import run_main
from tests.support.records import evaluated, record_run


def told(*arguments):
    return run_main(*arguments, module="harness.power")


def test_the_command_names_the_fewest_seeds_and_those_for_each_size():
    done = told("--comparisons", "4")
    assert done.returncode == 0
    assert "With fewer than 8 seeds nothing can be significant" in done.stdout
    rows = [line.split("│")[1:3] for line in done.stdout.splitlines() if line.startswith("│")]
    seeds = {float(size): int(n) for size, n in rows}
    assert list(seeds) == sorted(seeds)
    assert list(seeds.values()) == sorted(seeds.values(), reverse=True)
    assert seeds[3.0] == seeds_needed(4) == 8


def test_with_runs_it_also_tells_their_spread_and_the_seeds_for_what_matters(tmp_path):
    savings = {
        "full": (0.3, 0.5, 0.4, 0.3),
        "nas": (0.1, 0.4, 0.6, 0.2),
        "width": (0.3, 0.5, 0.4, 0.3),
    }
    for arm, saved in savings.items():
        for seed, decades in enumerate(saved):
            size = round(1000 / 10**decades)
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, size))])  # fmt: skip
    done = told(str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Seeds to compare 2 with a reference arm" in done.stdout
    assert told(str(tmp_path), "--comparisons", "2").stdout == done.stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines()]
    deviation = statistics.stdev([0.2, 0.1, -0.2, 0.1])
    seeds = seeds_to_find(0.15 / deviation, comparisons=2, power=0.8)
    assert ["nas", "4", f"{deviation:.3f}", str(seeds)] in rows
    assert ["width", "4", "0.000", "unknown"] in rows
    assert "seeds to find 0.150" in done.stdout


def test_runs_that_are_not_there_are_one_sentence(tmp_path):
    done = told(str(tmp_path / "none"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("wrong", [["--comparisons", "0"], ["--power", "1.5"]])
def test_what_makes_no_sense_is_refused(wrong):
    done = told(*wrong)
    assert done.returncode == 2
    assert f"error: {wrong[0]}: expected" in done.stderr


def test_equal_arms_are_told_apart_no_more_often_than_the_level():
    most = binom.ppf(0.999, 4000, 0.05) / 4000
    assert all(power_of(0, n, comparisons=1) <= most for n in (6, 10, 30))
    assert power_of(0, 5, comparisons=1) == 0


def test_seven_pairs_find_a_large_difference_only_if_all_point_one_way():
    """With as many seeds as two comparisons need, p is low enough only where all signs agree."""
    agree = 0.97725**7 + 0.02275**7  # of normal differences, two deviations from zero
    assert power_of(2, 7, comparisons=2) == pytest.approx(agree, abs=0.03)


@pytest.mark.parametrize(("n", "comparisons"), [(7, 1), (12, 1), (12, 4)])
def test_what_is_detectable_is_found_in_80_percent_of_studies_and_less_is_not(n, comparisons):
    size = detectable(n, comparisons=comparisons)
    assert power_of(size, n, comparisons=comparisons) >= 0.8
    assert power_of(size - 0.02, n, comparisons=comparisons) < 0.8
    assert detectable(5, comparisons=1) is None


@pytest.mark.slow
def test_a_difference_too_small_for_200_seeds_says_so():
    assert seeds_to_find(0.05, comparisons=3, power=0.99) is None


def test_a_measure_without_a_least_difference_has_no_column_of_seeds(tmp_path):
    for arm, size in (("full", 400), ("nas", 300)):
        for seed in range(3):
            record_run(tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                       children=[("g0.c0", evaluated(0.98, size + seed))])  # fmt: skip
    done = told(str(tmp_path), "--measure", "test_hypervolume")
    assert done.returncode == 0, done.stderr
    assert "seeds to find" not in done.stdout
    assert "This measure has no least difference that matters" in " ".join(done.stdout.split())
