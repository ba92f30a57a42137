"""Parents and survivors."""

import random

import pytest

from harness.genome import Genome
from harness.population import Evaluation, Individual
from harness.selection import EliteTournament


def individual(step, accuracy, n_params, text=None):
    genome = Genome.parse(f"# segment: A\nname = {text or step!r}\n")
    evaluation = Evaluation(accuracy=accuracy, n_params=n_params, train_s=1.0)
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
