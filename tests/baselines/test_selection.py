"""The baselines' selections, over random populations and histories."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.baselines.selection import (
    Ageing,
    BestSoFar,
    Drift,
    FromTheSeed,
    OnePlusOne,
    SmallestAsGood,
)
from harness.config.compose import compose
from harness.config.strategies import build
from harness.evolution import pareto
from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.genome import Genome, read_network
from harness.runs.manifest import manifest_of
from harness.runs.spec import specify
from harness.testing.selections import SelectionContract
from tests.conftest import ROOT, SEED_NETWORK
from tests.support.configs import composed

individuals = st.builds(
    lambda k, score, n_params: Individual(
        step=f"i{k}",
        genome=Genome.parse(f"# segment: A\nx = {k}\n"),
        evaluation=Evaluation(score=score / 10, n_params=n_params, train_s=1.0),
    ),
    st.integers(0, 10**6), st.integers(0, 10), st.integers(1, 9),
)  # fmt: skip
histories = st.lists(individuals, min_size=1, max_size=20)


class TestEverySelection(SelectionContract):
    @pytest.fixture(params=sorted(p.stem for p in (ROOT / "conf" / "selection").glob("*.yaml")))
    def selection(self, request):
        return build(compose([f"selection={request.param}"]).selection)


def lived(selection, reference, history):
    """Play a history of children, one a generation, and yield who lives after each."""
    population = selection.start(reference)
    for child in history:
        elites = selection.elites(population, rng=random.Random(0))
        population = selection.survivors(elites, [child])
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


@given(histories, st.integers(1, 6), st.integers(0, 99))
def test_drift_draws_parents_and_survivors_whatever_was_measured(population, n, seed):
    drift, worse = Drift(n_elites=n), Evaluation(score=0.0, n_params=10**9, train_s=1.0)
    others = [replace(one, evaluation=worse) for one in population]

    def places(drawn, among):
        return [next(i for i, one in enumerate(among) if one is member) for member in drawn]

    for draw in (
        lambda among: drift.elites(among, rng=random.Random(seed)),
        lambda among: drift.parents(among, n=n, rng=random.Random(seed)),
    ):
        assert places(draw(population), population) == places(draw(others), others)
    elites = drift.elites(population, rng=random.Random(seed))
    assert len(elites) == min(n, len(population))
    assert len({id(one) for one in elites}) == len(elites)
    born = [replace(population[0], step="child", genome=Genome.parse("# segment: A\nx = -1\n"))]
    survivors = drift.survivors(elites, born)
    assert {one.genome.digest for one in survivors} == {i.genome.digest for i in [*elites, *born]}


def test_drift_draws_every_individual_equally_often():
    def individual(k):
        evaluation = Evaluation(score=k / 10, n_params=10 - k, train_s=1.0)
        return Individual(
            step=f"i{k}", genome=Genome.parse(f"# segment: A\nx = {k}\n"), evaluation=evaluation
        )

    population = [individual(k) for k in range(8)]
    drift, drawn = Drift(n_elites=4), Counter()
    for seed in range(400):
        drawn.update(i.step for i in drift.elites(population, rng=random.Random(seed)))
        drawn.update(i.step for i in drift.parents(population, n=4, rng=random.Random(seed)))
    assert drawn.keys() == {one.step for one in population}
    assert all(count == pytest.approx(400, abs=100) for count in drawn.values())


def test_which_selections_ignore_the_size_is_declared_and_recorded(digits):
    def score_only(arm):
        spec = specify(composed(f"+ablation={arm}", "model=scripted"), digits, network)
        machine = {"device": "cpu", "torch": "0", "sandbox": "none"}
        return manifest_of(spec, machine).score_only

    network = read_network(SEED_NETWORK)
    arms = ["regularized_evolution", "sequential_sampling", "single_objective"]
    assert all(map(score_only, arms))
    assert not any(map(score_only, ["full", "drift", "one_plus_one", "random_search", "nas"]))


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
    elites = selection.elites([reference], rng=random.Random(0))
    assert selection.survivors(elites, []) == [reference]


@given(individuals, histories, st.sampled_from([0.0, 0.1, 0.3]))
def test_smallest_as_good_holds_what_a_run_would_select(reference, history, tolerance):
    seen = [reference]
    lives = lived(SmallestAsGood(tolerance=tolerance), reference, history)
    for (living,), child in zip(lives, history, strict=True):
        seen.append(child)
        least = reference.objectives.score - tolerance - 1e-9  # as RunResult.selected
        near = [one.objectives for one in seen if one.objectives.score >= least]
        assert living.objectives == min(near, key=lambda o: (o.n_params, -o.score))
        assert living in seen
