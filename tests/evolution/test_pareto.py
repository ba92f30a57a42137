"""Orders and volumes, against DEAP as the independent implementation and against arithmetic."""

import itertools
import math
import random
import time
import tracemalloc
from fractions import Fraction
from itertools import starmap

import numpy as np
import pytest
from deap import base, tools
from hypothesis import given
from hypothesis import strategies as st
from pymoo.algorithms.moo.spea2 import SPEA2Survival
from pymoo.core.population import Population
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
from pymoo.util.dominator import Dominator
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from harness.evolution import pareto
from harness.evolution.pareto import Objectives

objectives = st.lists(
    st.builds(Objectives, st.integers(0, 40).map(lambda k: k / 40), st.integers(1, 10**6)),
    min_size=1,
    max_size=25,
)


class Minimised(base.Fitness):
    weights = (-1.0, -1.0)


class Point:
    def __init__(self, index, values):
        self.index, self.fitness = index, Minimised(tuple(values))


def as_deap(points):
    return [Point(i, values) for i, values in enumerate(points)]


@given(objectives)
def test_front_is_mutually_non_dominated_and_dominates_the_rest(values):
    kept = pareto.front(values)
    inside, outside = [values[i] for i in kept], [v for i, v in enumerate(values) if i not in kept]
    assert not any(pareto.dominates(a, b) for a in inside for b in inside)
    assert all(any(pareto.dominates(a, b) for a in inside) for b in outside)


def population(seed):
    """Up to 40 random individuals; every third time a front, every third with equal values."""
    rng = random.Random(seed)
    n = rng.randint(1, 40)
    if seed % 3 == 1:
        sizes = sorted(rng.sample(range(1_000, 10**6), n))
        values = zip(sorted(rng.random() for _ in range(n)), sizes, strict=True)
        return rng.sample(list(starmap(Objectives, values)), n)
    if seed % 3 == 2:
        return [Objectives(rng.random(), rng.randint(1_000, 10**6)) for _ in range(n)]
    return [Objectives(rng.randint(0, 8) / 8, 10 ** rng.randint(3, 6)) for _ in range(n)]


POPULATIONS = [population(seed) for seed in range(1000)]


def test_ranks_are_those_of_two_libraries():
    for values in POPULATIONS:
        points = pareto.points(values)
        theirs = NonDominatedSorting().do(points, return_rank=True)[1]
        deap = tools.sortNondominated(as_deap(points), len(points))
        expected = {p.index: rank for rank, members in enumerate(deap) for p in members}
        assert pareto.ranks(values) == theirs.tolist()
        assert dict(enumerate(pareto.ranks(values))) == expected


def test_crowding_is_that_of_two_libraries_in_a_thousand_populations_without_equal_individuals():
    """Which of two equal individuals is the extreme one is nobody's rule."""
    populations = (population(seed) for seed in itertools.count())
    comparable = (values for values in populations if len(set(values)) == len(values))
    for values in itertools.islice(comparable, 1000):
        points, rank = pareto.points(values), pareto.ranks(values)
        for level in set(rank):
            members = [i for i, r in enumerate(rank) if r == level]
            front = as_deap(points[members])
            tools.emo.assignCrowdingDist(front)
            ours = [pareto.crowding(values)[i] for i in members]
            assert ours == pytest.approx([2 * p.fitness.crowding_dist for p in front], abs=1e-12)
            theirs = [math.inf] * len(members)  # pymoo calls two or fewer extreme without asking
            if len(members) > 2:
                theirs = 2 * calc_crowding_distance(points[members])
            assert ours == pytest.approx(list(theirs), abs=1e-12)


def test_strengths_and_raw_fitness_are_pymoos():
    for values in POPULATIONS:
        points = pareto.points(values)
        matrix = Dominator().calc_domination_matrix(points)
        assert pareto.strengths(values) == (matrix == 1).sum(axis=1).tolist()
        survived = spea2_of_pymoo(points, len(values))
        theirs = dict(zip(survived.get("index"), survived.get("SPEA_R"), strict=True))
        assert dict(enumerate(pareto.raw_fitness(values))) == theirs


def test_chosen_sets_are_those_of_two_libraries_where_no_key_ties_at_the_cut():
    """Elsewhere they disagree: DEAP's density leaves out earlier ones, pymoo's counts from another."""
    compared = {"filled": 0, "thinned": 0}
    for seed, values in enumerate(POPULATIONS):
        n = random.Random(seed).randint(1, len(values))
        raw = sorted(pareto.raw_fitness(values))
        n_front = raw.count(0)
        kind = "thinned" if n < n_front else "filled"
        if kind == "filled" and n < len(values) and n > n_front and raw[n - 1] == raw[n]:
            continue
        if kind == "thinned" and (n == 1 or len(set(values)) < len(values)):
            continue  # the last two, and equal individuals, are equally crowded
        compared[kind] += 1
        scaled = pareto.scaled(values)
        kept = pareto.spea2_choice(values, n, [f"{i:03}" for i in range(len(values))])
        theirs = spea2_of_pymoo(scaled, n)
        assert sorted(map(tuple, scaled[kept])) == sorted(map(tuple, theirs.get("F").tolist()))
        random.seed(0)  # DEAP draws from the global generator; ours never does
        deap = tools.selSPEA2(as_deap(scaled), n)
        state = random.getstate()
        assert sorted(scaled[kept].tolist()) == sorted(scaled[[p.index for p in deap]].tolist())
        pareto.spea2_choice(values, n, ["x"] * len(values))
        assert random.getstate() == state
    assert min(compared.values()) > 200, compared


def exact_volume(points, reference):
    """Area dominated, strip by strip, in rational numbers: the libraries all call moocore."""
    left, top = (Fraction(float(value)) for value in reference)
    area, bottom = Fraction(0), top
    for x, y in sorted((Fraction(float(x)), Fraction(float(y))) for x, y in points):
        if x < left and y < bottom:
            area += (left - x) * (bottom - y)
            bottom = y
    return float(area)


def test_hypervolume_is_exact():
    for values in POPULATIONS:
        expected = exact_volume(pareto.points(values), (0.9, 6.0))
        ours = pareto.hypervolume(values, chance=0.1, seed_params=10**5)
        assert ours == pytest.approx(expected, abs=1e-12, rel=1e-12)


def spea2_of_pymoo(points, n):
    pop = Population.new(F=points, index=list(range(len(points))))
    return SPEA2Survival()._do(None, pop, n_survive=n)


def test_spea2_fitness_by_hand():
    # a dominates b and c, b dominates c; four points, so k = 2.
    values = list(starmap(Objectives, [(0.9, 100), (0.8, 200), (0.7, 400), (0.1, 10)]))
    place = pareto.scaled(values)
    second = [sorted(math.dist(place[i], p) for p in place)[2] for i in range(4)]
    raw = [0, 2, 2 + 1, 0]
    expected = [r + 1 / (d + 2) for r, d in zip(raw, second, strict=True)]
    assert pareto.spea2_fitness(values) == pytest.approx(expected)


@given(objectives, st.integers(1, 30))
def test_spea2_keeps_the_front_first_whatever_the_order(values, n):
    ties = [f"{i:03}" for i in range(len(values))]
    kept = pareto.spea2_choice(values, n, ties)
    front = set(pareto.front(values))
    assert len(kept) == min(n, len(values))
    assert front <= set(kept) or set(kept) <= front
    shuffled = random.Random(0).sample(range(len(values)), len(values))
    again = pareto.spea2_choice([values[i] for i in shuffled], n, [ties[i] for i in shuffled])
    assert sorted(shuffled[i] for i in again) == kept


def thinned_by_definition(values, n, ties):
    """SPEA2's truncation of a front (Zitzler 2001, section 3.2), each distance compared each time."""
    place, left = pareto.scaled(values), set(range(len(values)))
    distances = np.linalg.norm(place[:, None] - place[None, :], axis=2)
    while len(left) > n:
        left.remove(
            min(
                left,
                key=lambda i: (
                    sorted(distances[i, j] for j in left - {i}),
                    [-ord(character) for character in ties[i]],
                ),
            )
        )
    return sorted(left)


def spaced(n):
    """A front of n points of which many distances are equal, bit for bit."""
    return [Objectives(k / 64, 10**k) for k in range(n)]


@given(objectives, st.sampled_from((0, 9, 17)), st.integers(1, 20), st.randoms())
def test_a_front_is_thinned_as_spea2_defines_it(values, n_spaced, n, rng):
    values = [values[i] for i in pareto.front(values)] if n_spaced == 0 else spaced(n_spaced)
    values += rng.choices(values, k=6)
    ties = [rng.choice(("a", "b", "ab", "g1.c2", "")) + str(i) for i in range(len(values))]
    kept = pareto.spea2_choice(values, n, ties)
    assert kept == thinned_by_definition(values, n, ties)


@pytest.mark.parametrize("equal", [False, True])
def test_a_front_of_a_thousand_is_thinned_in_seconds(equal):
    values = [Objectives(0.5, 10) if equal else Objectives(k / 1000, 10 + k) for k in range(1000)]
    start = time.process_time()
    assert len(pareto.spea2_choice(values, 5, [str(i) for i in range(1000)])) == 5
    assert time.process_time() - start < 20


@given(objectives)
def test_parameters_do_not_decide_alone(values):
    place = pareto.scaled(values)
    assert place.min() >= 0
    assert place.max() <= 1


def test_hypervolume_by_hand():
    def volume(values):
        return pareto.hypervolume(values, chance=0.1, seed_params=1000)

    assert volume([]) == 0
    assert volume([(0.1, 10)]) == 0  # chance accuracy
    assert volume([(0.9, 10_000)]) == 0  # ten times the seed's size
    assert volume([(1.0, 1000)]) == pytest.approx(0.9)  # one decade
    assert volume([(1.0, 1000), (0.6, 100)]) == pytest.approx(0.9 + 0.5)
    assert volume([(1.0, 1000), (0.6, 100), (0.5, 500)]) == pytest.approx(0.9 + 0.5)


@given(objectives, st.builds(Objectives, st.floats(0, 1), st.integers(1, 10**6)))
def test_another_point_never_lowers_the_hypervolume(values, more):
    def volume(points):
        return pareto.hypervolume(points, chance=0.1, seed_params=100_000)

    assert volume([*values, more]) >= volume(values) - 1e-12


def test_a_front_that_grows_is_that_of_all():
    rng = random.Random(0)
    for most in (6, 60, 10_000):
        added, front = [], pareto.Front()
        for _ in range(100):
            new = Objectives(rng.randint(0, most) / most, rng.randint(1, most))
            known = any(o == new or pareto.dominates(o, new) for o in added)
            assert front.add(new) != known
            added.append(new)
            expected = {o for o in added if not any(pareto.dominates(p, o) for p in added)}
            assert front.members == sorted(expected, key=lambda o: o.n_params)
            size = rng.randint(1, most)
            best = max((o.score for o in added if o.n_params <= size), default=None)
            assert front.best_score(size) == best


def test_fitness_takes_memory_in_proportion_to_the_population():
    population = [Objectives(k / 800, 10 + (k * 37) % 800) for k in range(800)]
    tracemalloc.start()
    try:
        pareto.spea2_fitness(population)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20  # all distances at once: 15 MiB
