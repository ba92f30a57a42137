"""Pareto orders and indicators of two objectives. The door to moocore.

The score is maximised, the number of parameters minimised. Distances are between points
(1 - score, log10 parameters), min-max scaled over the set; unscaled counts would dominate them.
Ranks and hypervolume come from moocore. SPEA2's density and the crowding distance are implemented
here: moocore lacks them, and other libraries draw from global random generators.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

import moocore
import numpy as np

from harness.typing import Array

_ROUNDING = 1e-9
"""Differences of scores are not exact in binary: 0.93 - 0.92 is above 0.01."""
REFERENCE_SIZE = 10
"""Parameters of the hypervolume's reference point, in multiples of the seed network's."""


class Objectives(NamedTuple):
    """The two objectives of the search: the score goes up, the number of parameters down."""

    score: float
    n_params: int


def as_good(score: float, other: float, *, tolerance: float) -> bool:
    """Return whether a score is at most a tolerance below another."""
    return other - score <= tolerance + _ROUNDING


def dominates(a: Objectives, b: Objectives) -> bool:
    """Return whether a is at least as good as b in both objectives and better in one."""
    return a != b and a.score >= b.score and a.n_params <= b.n_params


def points(objectives: Sequence[Objectives]) -> Array:
    """Return the points to minimise, shape (n, 2), float64: 1 - score, log10 of the parameters."""
    return np.array([(1 - score, math.log10(max(1, n))) for score, n in objectives])


def scaled(objectives: Sequence[Objectives]) -> Array:
    """Return the points min-max scaled to [0, 1], shape (n, 2); a constant objective becomes 0."""
    raw = points(objectives)
    low, high = raw.min(axis=0), raw.max(axis=0)
    place: Array = (raw - low) / np.where(high > low, high - low, 1)
    return place


def ranks(objectives: Sequence[Objectives]) -> list[int]:
    """Return the non-domination ranks, 0 for the front (Deb 2002, section III-A)."""
    return [int(rank) for rank in moocore.pareto_rank(points(objectives))]


def front(objectives: Sequence[Objectives]) -> list[int]:
    """Return the indices of the non-dominated objectives, equal ones included."""
    if not objectives:
        return []
    kept = moocore.is_nondominated(points(objectives), keep_weakly=True)
    return [int(i) for i in np.flatnonzero(kept)]


class Front:
    """The front of all objectives added so far, equal ones once.

    Attributes:
        members: Its objectives, smallest first.
    """

    def __init__(self) -> None:
        self.members: list[Objectives] = []

    def add(self, new: Objectives) -> bool:
        """Add objectives; return whether they are a new member."""
        end = self._count(new.n_params)
        if end and self.members[end - 1].score >= new.score:
            return False
        start = end - (end > 0 and self.members[end - 1].n_params == new.n_params)
        while end < len(self.members) and self.members[end].score <= new.score:
            end += 1
        self.members[start:end] = [new]
        return True

    def best_score(self, most_params: int) -> float | None:
        """Return the best score of at most so many parameters, None without one."""
        n = self._count(most_params)
        return self.members[n - 1].score if n else None

    def _count(self, most_params: int) -> int:
        return bisect_right(self.members, most_params, key=attrgetter("n_params"))


def crowding(objectives: Sequence[Objectives]) -> list[float]:
    """Return the crowding distances within each rank, inf for extremes (Deb 2002, III-B).

    Distances are relative to the range of the rank.
    """
    rank = np.array(ranks(objectives))
    distance = np.zeros(len(rank))
    for level in np.unique(rank):
        members = np.flatnonzero(rank == level)
        place = scaled([objectives[int(i)] for i in members])
        for axis in range(place.shape[1]):
            ascending = np.argsort(place[:, axis], kind="stable")
            order, values = members[ascending], place[ascending, axis]
            distance[order[[0, -1]]] = math.inf
            distance[order[1:-1]] += values[2:] - values[:-2]
    return [float(d) for d in distance]


def strengths(objectives: Sequence[Objectives]) -> list[int]:
    """Return how many others each one dominates (Zitzler 2001, section 3.1)."""
    score, size = _columns(objectives)
    return [
        int(((score <= one.score) & (size >= one.n_params)).sum())
        - int(((score == one.score) & (size == one.n_params)).sum())
        for one in objectives
    ]


def raw_fitness(objectives: Sequence[Objectives]) -> list[int]:
    """Return the sums of the dominators' strengths, 0 on the front (Zitzler 2001, 3.1)."""
    strong = np.array(strengths(objectives), dtype=np.int64)
    score, size = _columns(objectives)
    return [
        int(strong[(score >= one.score) & (size <= one.n_params)].sum())
        - int(strong[(score == one.score) & (size == one.n_params)].sum())
        for one in objectives
    ]


def _columns(objectives: Sequence[Objectives]) -> tuple[Array, Array]:
    """Return scores and sizes; each is then compared with all at once, one after the other."""
    return (
        np.array([one.score for one in objectives], dtype=np.float64),
        np.array([one.n_params for one in objectives], dtype=np.int64),
    )


def spea2_fitness(objectives: Sequence[Objectives]) -> list[float]:
    """Return raw fitness plus density, below 1 on the front (Zitzler 2001, section 3.1)."""
    return _with_density(objectives, raw_fitness(objectives), range(len(objectives)))


def _with_density(
    objectives: Sequence[Objectives], raw: Sequence[int], some: Sequence[int]
) -> list[float]:
    """Return raw fitness plus density of some of the objectives."""
    n = len(objectives)
    place, k = scaled(objectives), min(n - 1, int(math.sqrt(n)))
    # One row at a time: all distances at once would take quadratic memory.
    near = (np.partition(np.linalg.norm(place - place[i], axis=1), k)[k] for i in some)
    return [float(raw[i] + 1 / (distance + 2)) for i, distance in zip(some, near, strict=True)]


def spea2_choice(objectives: Sequence[Objectives], n: int, ties: Sequence[str]) -> list[int]:
    """Return the indices that SPEA2's environmental selection keeps (Zitzler 2001, section 3.2).

    A front larger than n is truncated one by one where it is most crowded; a smaller one is filled
    up with the best dominated.

    Args:
        objectives: The candidates.
        n: How many to keep.
        ties: One key each: equal fitness is decided by the smallest key.
    """
    raw = raw_fitness(objectives)
    chosen = [i for i, one in enumerate(raw) if one == 0]
    if len(chosen) > n:
        place = scaled(objectives)[chosen]
        kept = _thinned(place, n, [_last_first(ties[i]) for i in chosen])
        return sorted(chosen[i] for i in kept)
    if len(raw) <= n:
        return list(range(len(raw)))
    last = sorted(raw)[n - 1]
    # Density is below 1, so it decides among those of equal raw fitness alone.
    equal = [i for i, one in enumerate(raw) if one == last]
    fitness = dict(zip(equal, _with_density(objectives, raw, equal), strict=True))
    kept = [i for i, one in enumerate(raw) if one < last]
    kept += sorted(equal, key=lambda i: (fitness[i], ties[i]))[: n - len(kept)]
    return sorted(kept)


def hypervolume(objectives: Sequence[Objectives], *, chance: float, seed_params: int) -> float:
    """Return the dominated area, in score above chance times decades of parameters saved.

    The reference point is chance at ten times the seed's parameters, so a network of
    the seed's size with all answers right has (1 - chance) x 1. Points beyond it add nothing.
    """
    if not objectives:
        return 0.0
    reference = np.array([1 - chance, math.log10(REFERENCE_SIZE * seed_params)])
    return float(moocore.hypervolume(points(objectives), ref=reference))


def attained(fronts: Sequence[Sequence[Objectives]], share: float) -> list[Objectives]:
    """Points that mark what at least this share of the fronts reach or dominate, smallest first.

    The empirical attainment surface (Grunert da Fonseca 2001): half of all runs found something at
    least as good as any point on the surface of share 0.5. A share of 0 is the best of all.
    """
    points_of = [points(front) for front in fronts if front]
    if not points_of or len(points_of) < share * len(fronts):
        return []
    sets = np.repeat(np.arange(len(points_of)), [len(p) for p in points_of])
    # A front without points attains nothing, and still counts among all.
    percentile = 100 * min(1.0, share * len(fronts) / len(points_of))
    found = moocore.eaf(np.concatenate(points_of), sets, percentiles=[percentile])
    marks = [Objectives(float(1 - error), round(10**size)) for error, size, _ in found]
    return sorted(marks, key=lambda mark: (mark.n_params, -mark.score))


def _thinned(place: Array, n: int, ties: Sequence[tuple[int, ...]]) -> list[int]:
    """Remove the most crowded point until n are left; return the indices of those.

    The most crowded point has the least distances to the others, nearest first. This takes
    O(m^2 log m) for m points, unless many points that differ are equally near to their nearest
    neighbours, bit for bit: only those are compared further.

    Args:
        place: (m, 2) points.
        n: How many to keep.
        ties: One key each: of equally crowded points, the one with the smallest key goes.
    """
    distances = np.linalg.norm(place[:, None] - place[None, :], axis=2)
    np.fill_diagonal(distances, np.inf)  # itself comes last, at the same distance for all
    others = np.argsort(distances, axis=1)
    near = np.take_along_axis(distances, others, axis=1)
    left, everyone = np.ones(len(place), bool), np.arange(len(place))
    nearest = np.zeros(len(place), int)  # place of its nearest neighbour among its ``others``
    for _ in range(len(place) - n):
        while len(gone := np.flatnonzero(left & ~left[others[everyone, nearest]])):
            nearest[gone] += 1
        least = np.where(left, near[everyone, nearest], np.nan)
        crowded = np.flatnonzero(least == np.nanmin(least))
        if len(crowded) > 1:
            _, firsts, group = np.unique(
                place[crowded], axis=0, return_index=True, return_inverse=True
            )  # equal points are equally crowded
            one_each = crowded[firsts]
            rows = near[one_each][left[others[one_each]]].reshape(len(one_each), -1)
            crowded = crowded[np.isin(group.ravel(), _least_rows(rows))]
        left[min(crowded, key=lambda i: ties[int(i)])] = False
    return [int(i) for i in np.flatnonzero(left)]


def _least_rows(rows: Array) -> Array:
    """Return the indices of the rows that come first in lexicographic order."""
    found = np.arange(len(rows))
    for column in np.flatnonzero((rows != rows[0]).any(axis=0)):
        values = rows[found, column]
        found = found[values == values.min()]
        if len(found) == 1:
            break
    return found


def _last_first(tie: str) -> tuple[int, ...]:
    return tuple(-ord(character) for character in tie)
