"""The baselines' selections, over random populations and histories."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.selection import Ageing, BestSoFar, FromTheSeed, OnePlusOne, SmallestAsGood
from harness.evolution import pareto
from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.genome import Genome

individuals = st.builds(
    lambda k, score, n_params: Individual(
        step=f"i{k}",
        genome=Genome.parse(f"# segment: A\nx = {k}\n"),
        evaluation=Evaluation(score=score / 10, n_params=n_params, train_s=1.0),
    ),
    st.integers(0, 10**6), st.integers(0, 10), st.integers(1, 9),
)  # fmt: skip
histories = st.lists(individuals, min_size=1, max_size=20)


def lived(selection, reference, history):
    """Play a history of children, one a generation, and yield who lives after each."""
    population = selection.start(reference)
    for child in history:
        population = selection.survivors(selection.elites(population), [child])
        yield population


@given(individuals, histories, st.integers(1, 6))
def test_ageing_keeps_the_youngest(reference, history, capacity):
    selection = Ageing(capacity=capacity, sample_share=0.25)
    for k, population in enumerate(lived(selection, reference, history)):
        assert population == history[max(0, k + 1 - capacity) : k + 1]


@given(histories, st.integers(1, 40), st.integers(0, 99))
def test_ageing_varies_the_most_accurate_of_its_sample(population, capacity, seed):
    selection = Ageing(capacity=capacity, sample_share=0.25)
    sample = max(2, round(capacity / 4))
    (parent,) = selection.parents(population, n=5, rng=random.Random(seed))
    places = random.Random(seed).sample(range(len(population)), min(sample, len(population)))
    best = max(population[i].evaluation.score for i in places)
    assert parent.evaluation.score == best
    assert parent in [population[i] for i in places]


@given(individuals, histories)
def test_one_plus_one_never_goes_down(reference, history):
    lives = [reference]
    for (living,), child in zip(lived(OnePlusOne(), reference, history), history, strict=True):
        assert living in (lives[-1], child)
        assert not any(pareto.dominates(was.objectives, living.objectives) for was in lives)
        score, size = lives[-1].objectives
        as_good = child.objectives.score >= score and child.objectives.n_params <= size
        assert living == (child if as_good else lives[-1])
        lives.append(living)


@given(individuals, histories)
def test_the_best_so_far_is_the_best_of_all_that_came(reference, history):
    for k, (living,) in enumerate(lived(BestSoFar(), reference, history)):
        came = [reference, *history[: k + 1]]
        best = max((i.objectives.score, -i.objectives.n_params) for i in came)
        assert (living.objectives.score, -living.objectives.n_params) == best


@given(individuals, histories)
def test_from_the_seed_nothing_evolves(reference, history):
    for population in lived(FromTheSeed(), reference, history):
        assert population == [reference]
    assert FromTheSeed().parents([reference], n=3, rng=random.Random(0)) == [reference] * 3


@pytest.mark.parametrize("selection", [OnePlusOne(), BestSoFar()])
@given(individuals)
def test_a_failed_child_changes_nothing(selection, reference):
    assert selection.survivors(selection.elites([reference]), []) == [reference]


@given(individuals, histories, st.sampled_from([0.0, 0.1, 0.3]))
def test_smallest_as_good_holds_what_a_run_would_select(reference, history, tolerance):
    seen = [reference]
    lives = lived(SmallestAsGood(tolerance=tolerance), reference, history)
    for (living,), child in zip(lives, history, strict=True):
        seen.append(child)
        least = reference.objectives.score - tolerance
        near = [one.objectives for one in seen if one.objectives.score >= least]
        assert living.objectives == min(near, key=lambda o: (o.n_params, -o.score))
        assert living in seen
