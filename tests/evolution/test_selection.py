"""Parents and survivors."""

import math
import random
from collections import Counter

import pytest

from harness.evolution import pareto
from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.genome import Genome
from harness.evolution.selection import EliteTournament


def individual(step, score, n_params, text=None):
    genome = Genome.parse(f"# segment: A\nname = {text or step!r}\n")
    evaluation = Evaluation(score=score, n_params=n_params, train_s=1.0)
    return Individual(step=step, genome=genome, evaluation=evaluation)


@pytest.fixture
def population():
    rng = random.Random(1)
    return [individual(f"i{k}", rng.random(), rng.randrange(10, 10_000)) for k in range(10)]


def test_tournaments_never_choose_the_worst_of_all(population):
    worst = individual("worst", 0.0, 10**6)
    chosen = EliteTournament(n_elites=4).parents([*population, worst], n=300, rng=random.Random(0))
    assert len(chosen) == 300
    assert worst not in chosen
    assert {i.step for i in chosen} <= {i.step for i in population}


def test_parents_are_the_same_whatever_the_populations_order(population):
    selection = EliteTournament(n_elites=4)
    first = selection.parents(population, n=20, rng=random.Random(3))
    again = selection.parents(population[::-1], n=20, rng=random.Random(3))
    assert first == again


def test_a_longer_draw_begins_with_the_shorter(population):
    selection = EliteTournament(n_elites=4)
    few = selection.parents(population, n=3, rng=random.Random(3))
    assert selection.parents(population, n=9, rng=random.Random(3))[:3] == few


def test_a_population_of_one_is_its_own_parent():
    only = individual("only", 0.5, 10)
    assert EliteTournament(n_elites=4).parents([only], n=2, rng=random.Random(0)) == [only] * 2


def test_survivors_are_elites_and_offspring_each_genome_once(population):
    twin = individual("twin", 0.5, 10, text=population[0].step)
    kept = EliteTournament(n_elites=4).survivors(population[:2], [twin, population[5]])
    assert {i.step for i in kept} == {"i0", "i1", "i5"}


def test_of_equal_rank_the_less_crowded_becomes_parent():
    """By hand: b lies close to a and c, d far from both, all on one front; extremes are free."""
    a, b = individual("a", 0.50, 1_000), individual("b", 0.52, 1_100)
    c, d = individual("c", 0.54, 1_200), individual("d", 0.80, 30_000)
    e = individual("e", 0.99, 1_000_000)
    counts = Counter(
        i.step
        for seed in range(400)
        for i in EliteTournament(n_elites=4).parents([a, b, c, d, e], n=1, rng=random.Random(seed))
    )
    assert counts["d"] > counts["c"] > counts["b"]
    assert min(counts["a"], counts["e"]) > counts["d"]


def test_distances_count_decades_of_parameters():
    """By hand: in raw counts 10,000 lies beside 1,000, in decades half way to 100,000.

    Of a front of four that must lose one, the pair that is close in both objectives loses.
    """
    members = [
        individual("small", 0.10, 1_000), individual("middle", 0.40, 10_000),
        individual("near large", 0.70, 80_000), individual("large", 0.72, 100_000),
    ]  # fmt: skip
    kept = {i.step for i in EliteTournament(n_elites=3).elites(members, rng=random.Random(0))}
    assert kept == {"small", "middle", "large"}
    crowding = pareto.crowding([i.objectives for i in members])
    assert crowding[1] == pytest.approx((0.70 - 0.10) / 0.62 + math.log10(80) / 2)


def test_ties_are_decided_by_digest_smallest_first():
    twins = [individual(f"t{k}", 0.5, 1_000) for k in range(6)]
    kept = EliteTournament(n_elites=2).elites(twins, rng=random.Random(0))
    expected = sorted(i.genome.digest for i in twins)[:2]
    assert sorted(i.genome.digest for i in kept) == expected
    chosen = EliteTournament(n_elites=2).parents(twins[:2], n=20, rng=random.Random(0))
    assert {i.genome.digest for i in chosen} == {min(i.genome.digest for i in twins[:2])}
