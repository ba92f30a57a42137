"""What every proposer keeps; a new one inherits this and says how it is built."""

import random
from dataclasses import replace

import pytest

from baselines.random_mutation import RandomMutation
from harness.config.compose import compose
from harness.config.strategies import build
from harness.evolution.candidate import Decided, Evaluation, Individual, Proposal, Rejection
from harness.evolution.genome import Genome
from harness.evolution.loop import MatingPlan, reproduce
from harness.evolution.proposer import Context
from harness.llm.model import Completion
from harness.tasks.image_classification.wording import WORDING

CONCEIVED = {"mutation": (False, True), "mating": (True, False), "both": (True, True)}


ANSWERS = [
    "```python\nclass DW(nn.Module):\n    pass\n```",
    "```python\nclass SE(nn.Module):\n    pass\n```",
    "No code today.",
]


def built(arm):
    return build(compose([f"+ablation={arm}"]).proposer)


def guided(model, *overrides):
    return build(compose(overrides).proposer, model=model, wording=WORDING)


def varied(proposer, network, context, n=200, generation=1):
    """Mutate n times, each at another step; return what each says it did."""
    steps = (replace(context, step=f"g{generation}.c{k}") for k in range(n))
    return [proposer.mutate(network, step)[1] for step in steps]


class Listener:
    """A model that keeps what it was asked and echoes the segment's code."""

    def __init__(self, *, finish_reason=None):
        self.requests, self._finish_reason = [], finish_reason

    def complete(self, request):
        self.requests.append(request)
        text = f"```python\nclass {request.segment}:\n    new = 1\n```"
        return Completion(
            text=text, model="listener", date="2026-01-01", finish_reason=self._finish_reason
        )


class ProposerFixtures:
    """What a proposer meets in a run; subclass it with a fixture ``proposer``."""

    @pytest.fixture
    def proposer(self):
        pytest.fail("expected a fixture that builds the proposer")

    @pytest.fixture
    def members(self, proposer, network):
        """A population as this proposer makes it: the seed, and three that differ from it."""
        evaluation = Evaluation(score=0.9, n_params=518_230, train_s=1.0)
        seed = Individual(step="seed", genome=network, evaluation=evaluation)
        founding = Context(step="g0.c0", seed=7, founding=True, reference=seed, elites=[])
        others: list[Genome] = []
        for k in range(60):
            child, _ = proposer.mutate(network, replace(founding, step=f"g0.c{k}"))
            if isinstance(child, Genome) and all(map(child.differing, [network, *others])):
                others.append(child)
            if len(others) == 3:
                break
        return [
            seed,
            *(
                Individual(
                    step=f"g0.c{k}", genome=child, evaluation=replace(evaluation, score=0.95)
                )
                for k, child in enumerate(others)
            ),
        ]

    @pytest.fixture
    def context(self, members):
        return Context(
            step="g1.c0", seed=7, founding=False, reference=members[0], elites=members[1:]
        )

    @pytest.fixture
    def conceived(self, members):
        """What may be asked of a proposer: mutation, mating, both."""
        parent, mate = members[-1], members[0]
        return {
            name: MatingPlan(parent=parent, mate=mate if mates else None, mutates=mutates)
            for name, (mates, mutates) in CONCEIVED.items()
            if not mates or len(members) > 1
        }


class ProposerContract(ProposerFixtures):
    """What every proposer keeps; subclass it with a fixture ``proposer``."""

    def test_one_proposal_comes_of_each_conception_and_its_parents_are_members(
        self, proposer, conceived, members, context
    ):
        for plan in conceived.values():
            proposal = reproduce(plan, proposer, context)
            assert proposal.step == context.step
            assert set(proposal.parents) <= {member.step for member in members}
            wanted = (plan.mate is not None) + plan.mutates
            if isinstance(proposal.child, Genome):
                assert len(proposal.variations) == wanted
                assert proposal.child.names == plan.parent.genome.names
            else:
                assert isinstance(proposal.child, Rejection)
                assert 1 <= len(proposal.variations) <= wanted

    def test_same_step_same_proposal(self, proposer, conceived, context):
        for plan in conceived.values():
            assert reproduce(plan, proposer, context) == reproduce(plan, proposer, context)

    def test_another_step_draws_anew(self, proposer, network, context):
        made = [proposer.mutate(network, replace(context, step=f"g1.c{k}")) for k in range(12)]
        told = {(v.segment, repr(v.detail), getattr(c, "source", None)) for c, v in made}
        assert len(told) > 3

    def test_an_unchanged_child_is_never_returned_as_new(self, proposer, network, context):
        for k in range(20):
            child, _ = proposer.mutate(network, replace(context, step=f"g1.c{k}"))
            assert isinstance(child, Rejection) or child.digest != network.digest

    def test_a_merge_that_changes_nothing_is_never_returned_as_new(
        self, proposer, conceived, context
    ):
        if "mating" not in conceived:
            pytest.skip("it makes no population whose members differ")
        parent, mate = conceived["mating"].parent.genome, conceived["mating"].mate.genome
        for k in range(20):
            child, _ = proposer.mate(parent, mate, replace(context, step=f"g1.c{k}"))
            assert isinstance(child, Rejection) or child.digest != parent.digest

    def test_neither_population_nor_global_generators_change(
        self, proposer, conceived, members, context
    ):
        before, state = [(m, m.genome.source) for m in members], random.getstate()
        for plan in conceived.values():
            reproduce(plan, proposer, context)
        assert [(m, m.genome.source) for m in members] == before
        assert random.getstate() == state


class SegmentContract(ProposerContract):
    """For proposers that rewrite one segment at a time."""

    def test_a_mutation_changes_the_segment_it_names_and_no_other(self, proposer, network, context):
        for k in range(10):
            child, variation = proposer.mutate(network, replace(context, step=f"g1.c{k}"))
            if isinstance(child, Genome):
                assert set(child.differing(network)) <= {variation.segment}

    def test_mating_brings_in_one_differing_segment(self, proposer, network, context):
        mate = network
        for k in range(4):
            mate, _ = RandomMutation(edits=(1, 1)).mutate(mate, replace(context, step=f"g9.c{k}"))
        child, variation = proposer.mate(network, mate, context)
        assert variation.operator == "mating"
        assert variation.segment in network.differing(mate)
        if isinstance(child, Genome):
            assert set(child.differing(network)) <= {variation.segment}


def decided(step, child, outcome):
    proposal = Proposal(step=step, parents=("seed",), variations=(), child=child)
    return Decided(proposal=proposal, outcome=outcome)
