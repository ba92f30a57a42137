"""Selection strategies of the baselines (see ``evolution.selection.Selection``)."""

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from harness.errors import InputError
from harness.evolution import pareto
from harness.evolution.candidate import Individual
from harness.evolution.selection import EliteTournament


class FromTheSeed:
    """No selection: every child comes from the seed network."""

    def start(self, reference: Individual) -> list[Individual]:
        """Return the seed network alone."""
        return [reference]

    def elites(self, population: Sequence[Individual], *, rng: Random) -> list[Individual]:
        """Return the seed network."""
        del rng
        return list(population)

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return the seed network n times."""
        del rng
        return list(population) * n

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the seed network."""
        del offspring
        return list(elites)


class Drift(EliteTournament):
    """GE's population with parents and survivors drawn at random: variation without selection.

    Args:
        n_elites: How many individuals survive beside the offspring.
    """

    def __init__(self, *, n_elites: int) -> None:
        super().__init__(n_elites=n_elites)
        self._n_survivors = n_elites

    def elites(self, population: Sequence[Individual], *, rng: Random) -> list[Individual]:
        """Return individuals drawn without replacement."""
        return rng.sample(population, min(self._n_survivors, len(population)))

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return n individuals drawn with replacement."""
        return rng.choices(population, k=n)


class Ageing:
    """Regularized evolution: tournaments by score, the oldest dies (Real 2019, algorithm 1).

    Args:
        capacity: Size of the population.
        sample_share: Share of the population in a tournament; at least two individuals.
    """

    score_only: ClassVar = True

    def __init__(self, *, capacity: int, sample_share: float) -> None:
        if capacity < 1 or not 0 <= sample_share <= 1:
            raise InputError(
                f"selection: expected a capacity of at least 1 and a sample_share from 0 to 1, got "
                f"capacity={capacity} and sample_share={sample_share}."
            )
        self._capacity, self._sample = capacity, max(2, round(sample_share * capacity))

    def start(self, reference: Individual) -> list[Individual]:
        """Return an empty population: the search begins with founders."""
        del reference
        return []

    def elites(self, population: Sequence[Individual], *, rng: Random) -> list[Individual]:
        """Return all: individuals are removed by age only."""
        del rng
        return list(population)

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return the best of a random sample, the younger of equals; one child per cycle."""
        del n
        sample = rng.sample(range(len(population)), min(self._sample, len(population)))
        return [population[max(sample, key=lambda i: (population[i].objectives.score, i))]]

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the youngest individuals."""
        return [*elites, *offspring][-self._capacity :]


class OnePlusOne:
    """(1+1): a child replaces its parent if it is at least as good in both objectives."""

    def start(self, reference: Individual) -> list[Individual]:
        """Return the seed network alone."""
        return [reference]

    def elites(self, population: Sequence[Individual], *, rng: Random) -> list[Individual]:
        """Return the current individual."""
        del rng
        return list(population)

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return the current individual; one child at a time."""
        del n, rng
        return list(population)

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the child, or the current individual."""
        (current,) = elites
        for child in offspring:
            if not self.keeps(current, child):
                current = child
        return [current]

    def keeps(self, current: Individual, child: Individual) -> bool:
        """Return whether the current individual stays."""
        same = child.objectives == current.objectives
        return not (same or pareto.dominates(child.objectives, current.objectives))


class BestSoFar(OnePlusOne):
    """Keeps the best so far: the highest score, and the smallest of equals."""

    score_only: ClassVar = True

    def keeps(self, current: Individual, child: Individual) -> bool:
        """Return whether the current individual is at least as good."""
        (score, size), (new_score, new_size) = current.objectives, child.objectives
        return (score, -size) >= (new_score, -new_size)


class SmallestAsGood(OnePlusOne):
    """Keeps the smallest so far whose score is close to the seed network's, as runs select.

    Args:
        tolerance: How far a score may lie below the seed network's.
    """

    def __init__(self, *, tolerance: float) -> None:
        self._tolerance, self._reference = tolerance, 0.0

    def start(self, reference: Individual) -> list[Individual]:
        """Return the seed network alone."""
        self._reference = reference.objectives.score
        return [reference]

    def keeps(self, current: Individual, child: Individual) -> bool:
        """Return whether the child is worse than allowed, or neither smaller nor better."""
        (score, size), (new_score, new_size) = current.objectives, child.objectives
        as_good = pareto.as_good(new_score, self._reference, tolerance=self._tolerance)
        return not as_good or (-size, score) >= (-new_size, new_score)
