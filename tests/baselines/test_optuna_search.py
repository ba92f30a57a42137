"""Optuna over the typed space keeps the contract of a proposer."""

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.baselines.nsga_net import decoded, sampled
from harness.baselines.optuna_search import _observed, _params, _point, _space
from harness.errors import InputError
from harness.evolution.candidate import Evaluation, Rejection
from harness.evolution.genome import Genome
from harness.testing.proposers import ProposerContract
from tests.support.proposers import (
    built,
    decided,
)


@given(st.integers(0, 10**6))
def test_every_point_of_the_typed_space_is_a_point_of_optunas(seed):
    one, space = sampled(Random(seed)), _space()
    params = _params(one)
    assert _point(params) == one
    assert params.keys() == space.keys()
    for name, value in params.items():
        assert space[name].to_external_repr(space[name].to_internal_repr(value)) == value


class OptunaContract(ProposerContract):
    def test_it_learns_from_the_outcomes_of_earlier_generations_and_repeats_none(
        self, proposer, network, context
    ):
        seed = Evaluation(score=0.5, n_params=500_000, train_s=1)
        context = replace(context, reference=replace(context.reference, evaluation=seed))
        history, widths = [], []
        for generation in range(7):
            steps = [f"g{generation}.c{k}" for k in range(4)]
            before, of_generation = tuple(history), []
            for step in steps:
                child, _ = proposer.mutate(network, replace(context, step=step, history=before))
                of_generation.append(width := sum(decoded(child).widths))
                outcome = Evaluation(score=1 - width / 10, n_params=int(1e5 * width), train_s=1)
                assert child.digest not in {one.proposal.child.digest for one in before}
                history.append(decided(step, child, outcome))
            widths.append(sum(of_generation) / 4)
        assert min(widths) < 2.9  # at random 3.75, standard deviation 0.4

    def test_what_was_refused_is_told_as_failed_and_not_proposed_again(
        self, proposer, network, context
    ):
        child, _ = proposer.mutate(network, context)
        refused = decided("g1.c0", child, Rejection(gate="build", kind="build", reason="any"))
        none = decided("g1.c1", refused.outcome, refused.outcome)
        study = proposer._study(_observed(replace(context, history=[refused, none])), _space())
        assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL"]
        assert study.trials[0].values == pytest.approx([0.9, math.log10(518_230)])
        assert study.trials[1].params == _params(decoded(child))

    def test_another_seed_network_is_refused_in_one_sentence(self, proposer, context):
        mine = Genome.parse("# segment: Mine\nclass Mine:\n    pass\n")
        seed = replace(context, reference=replace(context.reference, genome=mine))
        with pytest.raises(InputError, match="expected ExquisiteNetV2 as the seed network"):
            proposer.mutate(mine, seed)


class TestOptunaNsga2(OptunaContract):
    @pytest.fixture
    def proposer(self):
        return built("optuna_nsga2")


class TestOptunaTpe(OptunaContract):
    @pytest.fixture
    def proposer(self):
        return built("optuna_tpe")
