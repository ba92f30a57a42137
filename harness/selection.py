"""Who varies and who stays: parent and survival selection as strategies."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from harness import fitness
from harness.population import Individual


class Selection(Protocol):
    """One arm's selection; every draw comes from the given stream."""

    def elites(self, population: Sequence[Individual]) -> list[Individual]:
        """Return those that are carried over, and that serve as examples."""
        ...

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return n parents, repeats allowed."""
        ...

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the next population."""
        ...


class EliteTournament:
    """SPEA2 elites join their offspring; NSGA-II tournaments choose parents (Morris 2024, 3.3)."""

    def __init__(self, *, n_elites: int) -> None:
        self._n_elites = n_elites

    def elites(self, population: Sequence[Individual]) -> list[Individual]:
        """Environmental selection of SPEA2 (Zitzler 2001)."""
        kept = fitness.spea2_choice(
            [i.objectives for i in population],
            self._n_elites,
            [i.genome.digest for i in population],
        )
        return [population[i] for i in kept]

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Binary tournaments on rank, then crowding, then digest (Deb 2002)."""
        population = sorted(population, key=lambda i: i.genome.digest)
        objectives = [i.objectives for i in population]
        rank, crowd = fitness.ranks(objectives), fitness.crowding(objectives)
        places = range(len(population))
        rivals = (rng.sample(places, min(2, len(places))) for _ in range(n))
        return [population[min(pair, key=lambda i: (rank[i], -crowd[i], i))] for pair in rivals]

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Elites and offspring, each genome once."""
        return list({i.genome.digest: i for i in [*offspring, *elites]}.values())
