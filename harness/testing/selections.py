"""What every selection keeps, as tests to inherit.

A test of a selection is a subclass with a fixture that builds it:

    class TestMine(SelectionContract):
        @pytest.fixture
        def selection(self):
            return Mine()
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.genome import Genome
from harness.evolution.selection import Selection

_LIVES, _GENERATIONS, _OFFSPRING = 20, 6, 4


@dataclass(frozen=True)
class Generation:
    """One generation of a life: what a selection was given and what it returned."""

    population: Sequence[Individual]
    elites: Sequence[Individual]
    parents: Sequence[Individual]
    offspring: Sequence[Individual]
    survivors: Sequence[Individual]


class SelectionContract:
    """What every selection keeps; subclass it with a fixture ``selection``."""

    @pytest.fixture
    def selection(self) -> Selection:
        """Return the selection; a subclass overrides this."""
        pytest.fail("expected a fixture that builds the selection")

    def test_it_starts_from_the_seed_network_or_from_nothing(self, selection: Selection) -> None:
        """Only the seed network has been evaluated when a search begins."""
        for k in range(_LIVES):
            seed = _individual("seed", random.Random(k))
            assert selection.start(seed) in ([], [seed])

    def test_elites_and_parents_are_members_of_the_population(self, selection: Selection) -> None:
        """An elite is kept once; a steady-state selection returns one parent, others all n."""
        for one in _lives(selection):
            assert _all_in(one.elites, one.population)
            assert len({id(elite) for elite in one.elites}) == len(one.elites)
            assert _all_in(one.parents, one.population)
            assert len(one.parents) in ({1, _OFFSPRING} if one.population else {0})

    def test_survivors_are_elites_and_children(self, selection: Selection) -> None:
        """Nothing else can survive, and somebody does."""
        for one in _lives(selection):
            assert _all_in(one.survivors, [*one.elites, *one.offspring])
            assert one.survivors or not (one.elites or one.offspring)

    def test_a_generation_without_a_child_keeps_somebody(self, selection: Selection) -> None:
        """All children may have been refused."""
        for one in _lives(selection):
            survivors = selection.survivors(one.elites, [])
            assert _all_in(survivors, one.elites)
            assert survivors or not one.elites

    def test_the_same_stream_draws_the_same(self, selection: Selection) -> None:
        """All draws come from the given stream, and the global generators stay as they are."""
        state = random.getstate()
        for one in _lives(selection):
            if one.population:
                again = selection.elites(one.population, rng=random.Random(1))
                assert again == selection.elites(one.population, rng=random.Random(1))
                drawn = [
                    selection.parents(one.population, n=_OFFSPRING, rng=random.Random(2))
                    for _ in range(2)
                ]
                assert drawn[0] == drawn[1]
        assert random.getstate() == state

    def test_what_it_is_given_stays_unchanged(self, selection: Selection) -> None:
        """A population is shown to others after it was selected from."""
        rng = random.Random(0)
        selection.start(_individual("seed", rng))
        population = [_individual(f"i{k}", rng) for k in range(5)]
        before = list(population)
        selection.elites(population, rng=rng)
        selection.parents(population, n=_OFFSPRING, rng=rng)
        assert population == before


def _lives(selection: Selection) -> Iterator[Generation]:
    """Yield the generations of random lives, as the loop asks for them."""
    for seed in range(_LIVES):
        rng = random.Random(seed)
        population: Sequence[Individual] = selection.start(_individual("seed", rng))
        for generation in range(_GENERATIONS):
            elites = selection.elites(population, rng=rng) if population else []
            parents = selection.parents(population, n=_OFFSPRING, rng=rng) if population else []
            children = range(rng.randrange(_OFFSPRING + 1) if elites else _OFFSPRING)
            born = [_individual(f"g{generation}.c{k}", rng) for k in children]
            survivors = selection.survivors(elites, born)
            yield Generation(population, elites, parents, born, survivors)
            population = survivors


def _individual(step: str, rng: random.Random) -> Individual:
    evaluation = Evaluation(score=rng.randrange(11) / 10, n_params=rng.randint(1, 9), train_s=1.0)
    genome = Genome.parse(f"# segment: A\nx = {rng.randrange(10**6)}\n")
    return Individual(step=step, genome=genome, evaluation=evaluation)


def _all_in(some: Sequence[Individual], among: Sequence[Individual]) -> bool:
    return {id(one) for one in some} <= {id(one) for one in among}
