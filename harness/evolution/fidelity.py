"""How many epochs a candidate gets: all of the recipe's, or as many as it is worth."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from harness.errors import InputError
from harness.evolution import pareto


class Fidelity(Protocol):
    """Decides which candidates of one run are worth more epochs."""

    def rungs(self, epochs: int) -> list[int]:
        """Return for how many epochs candidates are tried before all that the recipe has."""
        ...

    def promoted(self, rung: int, objectives: Sequence[pareto.Objectives]) -> list[bool]:
        """Say of each of a generation, tried for so many epochs, whether it goes on."""
        ...


class Full:
    """Every candidate gets all epochs."""

    def rungs(self, epochs: int) -> list[int]:
        """Return none."""
        del epochs
        return []

    def promoted(self, rung: int, objectives: Sequence[pareto.Objectives]) -> list[bool]:
        """Let all go on."""
        del rung
        return [True] * len(objectives)


class Halving:
    """Successive halving over epochs (Jamieson 2016), with two objectives and as they come.

    Of all that a run has tried for so many epochs the share ``keep`` goes on and no more, and only
    who is among the best of them, so that it also serves arms whose children come one by one (as in
    Li 2020); at least one does. Order: non-domination rank, then crowding distance (Deb 2002), so
    the smallest and the most accurate of the front come first, and of two the smaller: its size is
    certain, after few epochs no accuracy is. Behind all come those less than half as far above
    chance as the most accurate. Each rung is trained anew, with a whole schedule of its own: a
    network whose rate has not yet fallen tells little. shares: of the recipe's epochs, ascending.
    chance: accuracy of guessing.
    """

    def __init__(self, *, shares: Sequence[float], keep: float, chance: float) -> None:
        if not 0 < keep <= 1 or not all(0 < share < 1 for share in shares):
            raise InputError(
                f"fidelity: expected shares above 0 and below 1, and to keep a share above 0, got "
                f"shares={list(shares)} and keep={keep}."
            )
        self._shares, self._keep, self._chance = shares, keep, chance
        self._tried: dict[int, list[pareto.Objectives]] = {}
        self._went_on: Counter[int] = Counter()

    def rungs(self, epochs: int) -> list[int]:
        """Return the shares as epochs, each once, at least one."""
        rungs = {max(1, round(share * epochs)) for share in self._shares}
        return sorted(rung for rung in rungs if rung < epochs)

    def promoted(self, rung: int, objectives: Sequence[pareto.Objectives]) -> list[bool]:
        """Let those go on who are among the best of all tried, while the share is not used up."""
        tried = self._tried.setdefault(rung, [])
        first = len(tried)
        tried += objectives
        n = max(1, round(self._keep * len(tried)))
        new = [i for i in self._in_order(tried)[:n] if i >= first]
        chosen = new[: n - self._went_on[rung]]
        self._went_on[rung] += len(chosen)
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
