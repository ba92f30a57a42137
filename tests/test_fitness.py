"""Orders and volumes, against DEAP as the independent implementation and against arithmetic."""

import math
import random

import pytest
from deap import base, tools
from hypothesis import given
from hypothesis import strategies as st

from harness import fitness

objectives = st.lists(
    st.tuples(st.integers(0, 40).map(lambda k: k / 40), st.integers(1, 10**6)),
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


def front_of(seed, n):
    """n points of which none dominates another."""
    rng = random.Random(seed)
    accuracies = sorted(rng.random() for _ in range(n))
    sizes = sorted(rng.sample(range(1_000, 1_000_000), n))
    return rng.sample(list(zip(accuracies, sizes, strict=True)), n)


@given(objectives)
def test_front_is_mutually_non_dominated_and_dominates_the_rest(values):
    kept = fitness.front(values)
    inside, outside = [values[i] for i in kept], [v for i, v in enumerate(values) if i not in kept]
    assert not any(fitness.dominates(a, b) for a in inside for b in inside)
    assert all(any(fitness.dominates(a, b) for a in inside) for b in outside)


@given(objectives)
def test_ranks_are_deaps(values):
    fronts = tools.sortNondominated(as_deap(fitness.points(values)), len(values))
    expected = {p.index: rank for rank, members in enumerate(fronts) for p in members}
    assert dict(enumerate(fitness.ranks(values))) == expected


@pytest.mark.parametrize("seed", range(20))
def test_crowding_is_deaps_within_one_front(seed):
    values = front_of(seed, 12)
    points = as_deap(fitness.scaled(values))
    tools.emo.assignCrowdingDist(points)
    expected = [len(Minimised.weights) * p.fitness.crowding_dist for p in points]
    assert fitness.crowding(values) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(20))
def test_spea2_thins_a_front_as_deap_does(seed):
    values = front_of(seed, 20)
    random.seed(0)  # DEAP draws from the global generator; ours never does
    expected = sorted(p.index for p in tools.selSPEA2(as_deap(fitness.scaled(values)), 8))
    state = random.getstate()
    assert fitness.spea2_choice(values, 8, [f"{i:03}" for i in range(20)]) == expected
    assert random.getstate() == state


def test_spea2_fitness_by_hand():
    # a dominates b and c, b dominates c; four points, so k = 2.
    values = [(0.9, 100), (0.8, 200), (0.7, 400), (0.1, 10)]
    place = fitness.scaled(values)
    second = [sorted(math.dist(place[i], p) for p in place)[2] for i in range(4)]
    raw = [0, 2, 2 + 1, 0]
    expected = [r + 1 / (d + 2) for r, d in zip(raw, second, strict=True)]
    assert fitness.spea2_fitness(values) == pytest.approx(expected)


@given(objectives, st.integers(1, 30))
def test_spea2_keeps_the_front_first_whatever_the_order(values, n):
    ties = [f"{i:03}" for i in range(len(values))]
    kept = fitness.spea2_choice(values, n, ties)
    front = set(fitness.front(values))
    assert len(kept) == min(n, len(values))
    assert front <= set(kept) or set(kept) <= front
    shuffled = random.Random(0).sample(range(len(values)), len(values))
    again = fitness.spea2_choice([values[i] for i in shuffled], n, [ties[i] for i in shuffled])
    assert sorted(shuffled[i] for i in again) == kept


@given(objectives)
def test_parameters_do_not_decide_alone(values):
    place = fitness.scaled(values)
    assert place.min() >= 0
    assert place.max() <= 1


def test_hypervolume_by_hand():
    def volume(values):
        return fitness.hypervolume(values, n_classes=10, seed_params=1000)

    assert volume([]) == 0
    assert volume([(0.1, 10)]) == 0  # chance accuracy
    assert volume([(0.9, 10_000)]) == 0  # ten times the seed's size
    assert volume([(1.0, 1000)]) == pytest.approx(0.9)  # one decade
    assert volume([(1.0, 1000), (0.6, 100)]) == pytest.approx(0.9 + 0.5)
    assert volume([(1.0, 1000), (0.6, 100), (0.5, 500)]) == pytest.approx(0.9 + 0.5)


@given(objectives, st.tuples(st.floats(0, 1), st.integers(1, 10**6)))
def test_another_point_never_lowers_the_hypervolume(values, more):
    def volume(points):
        return fitness.hypervolume(points, n_classes=10, seed_params=100_000)

    assert volume([*values, more]) >= volume(values) - 1e-12
