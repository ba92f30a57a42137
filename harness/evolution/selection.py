"""Parent and survival selection as strategies."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from harness.errors import InputError
from harness.evolution import pareto
from harness.evolution.candidate import Individual


class Selection(Protocol):
    """Parent and survival selection of one arm; every draw comes from the given stream.

    A class need not derive from this one, and may leave out the attribute.
    """

    score_only: bool = False
    """Whether it ignores the number of parameters, so that an arm is not judged by sizes unseen. A
    run's manifest records it."""

    def start(self, reference: Individual) -> list[Individual]:
        """Return the first population; if it is empty, founders are mutated from the seed."""
        ...

    def elites(self, population: Sequence[Individual], *, rng: Random) -> list[Individual]:
        """Return the individuals that are carried over and serve as examples."""
        ...

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return n parents, repeats allowed; a steady-state selection returns one."""
        ...

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the next population."""
        ...


class EliteTournament:
    """SPEA2 elites join their offspring; NSGA-II tournaments choose parents (Morris 2024, 3.3).

    Args:
        n_elites: How many elites are kept.
        elitism: Whether elites survive; otherwise they only serve as examples.
        score_only: Whether to ignore the number of parameters.
    """

    def __init__(self, *, n_elites: int, elitism: bool = True, score_only: bool = False) -> None:
        if n_elites < 1:
            raise InputError(f"selection.n_elites: expected at least 1, got {n_elites}.")
        self._n_elites, self._elitism, self.score_only = n_elites, elitism, score_only

    def start(self, reference: Individual) -> list[Individual]:
        """Return an empty population: the search begins with founders."""
        del reference
        return []

    def elites(self, population: Sequence[Individual], *, rng: Random) -> list[Individual]:
        """Return the elites by the environmental selection of SPEA2 (Zitzler 2001)."""
        del rng
        kept = pareto.spea2_choice(
            self._objectives(population),
            self._n_elites,
            [i.genome.sha256 for i in population],
        )
        return [population[i] for i in kept]

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return the winners of binary tournaments on rank, crowding, then hash (Deb 2002)."""
        population = sorted(population, key=lambda i: i.genome.sha256)
        objectives = self._objectives(population)
        rank, crowd = pareto.ranks(objectives), pareto.crowding(objectives)
        places = range(len(population))
        rivals = (rng.sample(places, min(2, len(places))) for _ in range(n))
        return [population[min(pair, key=lambda i: (rank[i], -crowd[i], i))] for pair in rivals]

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return elites and offspring, each genome once; the elites alone if there is no child."""
        living = [*offspring, *elites] if self._elitism else offspring or elites
        return list({i.genome.sha256: i for i in living}.values())

    def _objectives(self, population: Sequence[Individual]) -> list[pareto.Objectives]:
        if self.score_only:
            return [pareto.Objectives(i.objectives.score, 1) for i in population]
        return [i.objectives for i in population]
