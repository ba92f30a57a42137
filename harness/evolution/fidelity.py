"""Fidelity: for how many epochs a candidate is trained; all, or successive halving."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from harness.errors import InputError
from harness.evolution import pareto


class Fidelity(Protocol):
    """Decides which candidates of one run are trained for more epochs."""

    def rungs(self, epochs: int) -> list[int]:
        """Return the rungs: numbers of epochs, ascending, below all epochs of the recipe."""
        ...

    def promoted(self, rung: int, objectives: Sequence[pareto.Objectives]) -> list[bool]:
        """Return for each candidate of a generation whether it is promoted from this rung.

        Args:
            rung: For how many epochs they were trained.
            objectives: Their objectives after these epochs.
        """
        ...


class Full:
    """Trains every candidate for all epochs."""

    def rungs(self, epochs: int) -> list[int]:
        """Return no rungs."""
        del epochs
        return []

    def promoted(self, rung: int, objectives: Sequence[pareto.Objectives]) -> list[bool]:
        """Promote all."""
        del rung
        return [True] * len(objectives)


class Halving:
    """Successive halving over epochs (Jamieson 2016), asynchronous and with two objectives.

    A candidate is promoted if it is among the best ``keep`` of all that the run has trained on its
    rung, and while that share is not used up; at least one is. So it also works for arms whose
    children come one by one (as in Li 2020).

    The order is non-domination rank, then crowding distance (Deb 2002): the smallest and the best
    of the front come first, and of these two the smaller, since its size is certain and scores
    after few epochs are not. Candidates less than half as far above chance as the best come last.
    Each rung is a new training with a whole schedule, because the score of a network whose learning
    rate has not yet fallen predicts little.

    Args:
        shares: Rungs as shares of the recipe's epochs, ascending.
        keep: Share of candidates that is promoted from each rung.
        chance: Score of guessing.
    """

    def __init__(self, *, shares: Sequence[float], keep: float, chance: float) -> None:
        if not 0 < keep <= 1 or not all(0 < share < 1 for share in shares):
            raise InputError(
                f"fidelity: expected shares above 0 and below 1, and to keep a share above 0, got "
                f"shares={list(shares)} and keep={keep}."
            )
        self._shares, self._keep, self._chance = shares, keep, chance
        self._trained: dict[int, list[pareto.Objectives]] = {}
        self._promoted: Counter[int] = Counter()

    def rungs(self, epochs: int) -> list[int]:
        """Return the shares as epochs, each once, at least one."""
        rungs = {max(1, round(share * epochs)) for share in self._shares}
        return sorted(rung for rung in rungs if rung < epochs)

    def promoted(self, rung: int, objectives: Sequence[pareto.Objectives]) -> list[bool]:
        """Promote candidates among the best of the rung, while the share is not used up."""
        trained = self._trained.setdefault(rung, [])
        first = len(trained)
        trained += objectives
        n = max(1, round(self._keep * len(trained)))
        new = [i for i in self._in_order(trained)[:n] if i >= first]
        chosen = new[: n - self._promoted[rung]]
        self._promoted[rung] += len(chosen)
        return [first + i in chosen for i in range(len(objectives))]

    def _in_order(self, objectives: Sequence[pareto.Objectives]) -> list[int]:
        scores = [one.score for one in objectives]
        enough = (self._chance + max(scores, default=0)) / 2
        groups: dict[bool, list[int]] = {True: [], False: []}
        for i, score in enumerate(scores):
            groups[score >= enough].append(i)
        return [i for group in groups.values() for i in _sorted(group, objectives)]


def _sorted(group: Sequence[int], objectives: Sequence[pareto.Objectives]) -> list[int]:
    if not group:
        return []
    members = [objectives[i] for i in group]
    rank, crowd = pareto.ranks(members), pareto.crowding(members)
    order = sorted(range(len(group)), key=lambda k: (rank[k], -crowd[k], members[k].n_params))
    return [group[k] for k in order]
