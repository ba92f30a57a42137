"""How many seeds a comparison needs, told before any is spent."""

import pytest
from scipy.stats import binom

from harness.analysis.statistics.paired import seeds_needed
from harness.analysis.statistics.power import detectable, power_of, seeds_to_find
from tests.support.commands import run_main


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
