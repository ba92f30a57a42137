"""Who varies and who stays in the baselines; each keeps ``evolution.selection.Selection``."""

from collections.abc import Sequence
from random import Random

from harness.evolution import pareto
from harness.evolution.candidate import Individual


class FromTheSeed:
    """No evolution: every child comes from the seed network, nothing is ever selected."""

    def start(self, reference: Individual) -> list[Individual]:
        """Return the seed alone."""
        return [reference]

    def elites(self, population: Sequence[Individual]) -> list[Individual]:
        """Return the seed."""
        return list(population)

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return the seed n times."""
        del rng
        return list(population) * n

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the seed again."""
        del offspring
        return list(elites)


class Ageing:
    """Regularized evolution: tournaments by accuracy, the oldest dies (Real 2019, algorithm 1).

    capacity: how many live at once; sample_share: share of these that meet in a tournament, two at
    least.
    """

    def __init__(self, *, capacity: int, sample_share: float) -> None:
        self._capacity, self._sample = capacity, max(2, round(sample_share * capacity))

    def start(self, reference: Individual) -> list[Individual]:
        """Return nobody: the founders come first."""
        del reference
        return []

    def elites(self, population: Sequence[Individual]) -> list[Individual]:
        """Return all: only age removes anybody."""
        return list(population)

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return the most accurate of a random sample, of equals the younger; one child a cycle."""
        del n
        sample = rng.sample(range(len(population)), min(self._sample, len(population)))
        return [population[max(sample, key=lambda i: (population[i].objectives.score, i))]]

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the youngest."""
        return [*elites, *offspring][-self._capacity :]


class OnePlusOne:
    """(1+1): a child takes its parent's place where it is at least as good in both objectives."""

    def start(self, reference: Individual) -> list[Individual]:
        """Return the seed alone."""
        return [reference]

    def elites(self, population: Sequence[Individual]) -> list[Individual]:
        """Return the one who lives."""
        return list(population)

    def parents(self, population: Sequence[Individual], *, n: int, rng: Random) -> list[Individual]:
        """Return the one who lives; one child at a time."""
        del n, rng
        return list(population)

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the child, or the one who lives."""
        (living,) = elites
        for child in offspring:
            if not self.keeps(living, child):
                living = child
        return [living]

    def keeps(self, living: Individual, child: Individual) -> bool:
        """Say whether the one who lives stays."""
        same = child.objectives == living.objectives
        return not (same or pareto.dominates(child.objectives, living.objectives))


class BestSoFar(OnePlusOne):
    """Only the best so far is sampled from: the most accurate, of equals the smallest."""

    def keeps(self, living: Individual, child: Individual) -> bool:
        """Say whether the one who lives is at least as good."""
        (score, size), (new_score, new_size) = living.objectives, child.objectives
        return (score, -size) >= (new_score, -new_size)
