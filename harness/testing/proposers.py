"""What every proposer keeps, as tests to inherit.

A test of a proposer is a subclass with a fixture that builds it:

    class TestMine(ProposerContract):
        @pytest.fixture
        def proposer(self):
            return Mine()
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pytest

from harness.config.paths import SHIPPED
from harness.config.strategies import check_declared
from harness.evolution.candidate import Evaluation, Individual, Proposal, Rejection
from harness.evolution.genome import Genome, read_network
from harness.evolution.loop import MatingPlan, reproduce
from harness.evolution.proposer import Context, Proposer

_CONCEIVED = MappingProxyType(
    {"mutation": (False, True), "mating": (True, False), "both": (True, True)}
)
"""What may be asked of a proposer: whether there is a mate, and whether the child mutates."""


class ProposerFixtures:
    """What a proposer meets in a run; subclass it with a fixture ``proposer``."""

    @pytest.fixture
    def proposer(self) -> Proposer:
        """Return the proposer; a subclass overrides this."""
        pytest.fail("expected a fixture that builds the proposer")

    @pytest.fixture
    def seed_network(self) -> Genome:
        """Return the seed network, ExquisiteNetV2; override it for a proposer that takes others."""
        return read_network(SHIPPED / "baselines" / "networks" / "exquisitenet_v2.py")

    @pytest.fixture
    def members(self, proposer: Proposer, seed_network: Genome) -> list[Individual]:
        """Return a population as this proposer makes it: the seed, and three that differ."""
        evaluation = Evaluation(score=0.9, n_params=518_230, train_s=1.0)
        seed = Individual(step="seed", genome=seed_network, evaluation=evaluation)
        founding = Context(step="g0.c0", seed=7, founding=True, reference=seed, elites=[])
        others: list[Genome] = []
        for k in range(60):
            child, _ = proposer.mutate(seed_network, replace(founding, step=f"g0.c{k}"))
            if isinstance(child, Genome) and all(map(child.differing, [seed_network, *others])):
                others.append(child)
            if len(others) == 3:  # noqa: PLR2004 - as the docstring says
                break
        better = replace(evaluation, score=0.95)
        return [
            seed,
            *(
                Individual(step=f"g0.c{k}", genome=child, evaluation=better)
                for k, child in enumerate(others)
            ),
        ]

    @pytest.fixture
    def context(self, members: list[Individual]) -> Context:
        """Return what the proposer knows at the first child of generation 1."""
        return Context(
            step="g1.c0", seed=7, founding=False, reference=members[0], elites=members[1:]
        )

    @pytest.fixture
    def conceived(self, members: list[Individual]) -> dict[str, MatingPlan]:
        """Return what may be asked of a proposer: mutation, mating, both."""
        parent, mate = members[-1], members[0]
        return {
            name: MatingPlan(parent=parent, mate=mate if mates else None, mutates=mutates)
            for name, (mates, mutates) in _CONCEIVED.items()
            if not mates or len(members) > 1
        }


class ProposerContract(ProposerFixtures):
    """What every proposer keeps; subclass it with a fixture ``proposer``."""

    def test_one_proposal_comes_of_each_conception_and_its_parents_are_members(
        self,
        proposer: Proposer,
        conceived: Mapping[str, MatingPlan],
        members: Sequence[Individual],
        context: Context,
    ) -> None:
        """A child has the segments of its parent, and a variation for each thing done to it."""
        for plan in conceived.values():
            proposal = _proposed(plan, proposer, context)
            assert proposal.step == context.step
            assert set(proposal.parents) <= {member.step for member in members}
            wanted = (plan.mate is not None) + plan.mutates
            if isinstance(proposal.child, Genome):
                assert len(proposal.variations) == wanted
                assert proposal.child.names == plan.parent.genome.names
            else:
                assert isinstance(proposal.child, Rejection)
                assert 1 <= len(proposal.variations) <= wanted

    def test_attributes_of_the_class_have_the_types_of_the_protocol(
        self, proposer: Proposer
    ) -> None:
        """An arm that declares another type is refused when it is composed."""
        check_declared(type(proposer))

    def test_same_step_same_proposal(
        self, proposer: Proposer, conceived: Mapping[str, MatingPlan], context: Context
    ) -> None:
        """All draws come from ``context.rng``: the same step gives the same proposal again."""
        for plan in conceived.values():
            assert reproduce(plan, proposer, context) == reproduce(plan, proposer, context)

    def test_another_step_draws_anew(
        self, proposer: Proposer, seed_network: Genome, context: Context
    ) -> None:
        """Steps draw independently of each other."""
        made = [proposer.mutate(seed_network, replace(context, step=f"g1.c{k}")) for k in range(12)]
        told = {(v.segment, repr(v.detail), getattr(c, "source", None)) for c, v in made}
        assert len(told) > 3  # noqa: PLR2004 - of 12

    def test_an_unchanged_child_is_never_returned_as_new(
        self, proposer: Proposer, seed_network: Genome, context: Context
    ) -> None:
        """A mutation that changes nothing is a rejection."""
        for k in range(20):
            child, _ = proposer.mutate(seed_network, replace(context, step=f"g1.c{k}"))
            assert isinstance(child, Rejection) or child.digest != seed_network.digest

    def test_a_merge_that_changes_nothing_is_never_returned_as_new(
        self, proposer: Proposer, conceived: Mapping[str, MatingPlan], context: Context
    ) -> None:
        """A mating that changes nothing is a rejection."""
        if "mating" not in conceived:
            pytest.skip("it makes no population whose members differ")
        plan = conceived["mating"]
        assert plan.mate is not None
        parent, mate = plan.parent.genome, plan.mate.genome
        for k in range(20):
            child, _ = proposer.mate(parent, mate, replace(context, step=f"g1.c{k}"))
            assert isinstance(child, Rejection) or child.digest != parent.digest

    def test_neither_population_nor_global_generators_change(
        self,
        proposer: Proposer,
        conceived: Mapping[str, MatingPlan],
        members: Sequence[Individual],
        context: Context,
    ) -> None:
        """Proposing has no side effects on what other children see."""
        before, state = [(m, m.genome.source) for m in members], random.getstate()
        for plan in conceived.values():
            reproduce(plan, proposer, context)
        assert [(m, m.genome.source) for m in members] == before
        assert random.getstate() == state


class SegmentContract(ProposerContract):
    """For proposers that rewrite one segment at a time."""

    def test_a_mutation_changes_the_segment_it_names_and_no_other(
        self, proposer: Proposer, seed_network: Genome, context: Context
    ) -> None:
        """``Variation.segment`` names the one segment that differs."""
        for k in range(10):
            child, variation = proposer.mutate(seed_network, replace(context, step=f"g1.c{k}"))
            if isinstance(child, Genome):
                assert set(child.differing(seed_network)) <= {variation.segment}

    def test_mating_brings_in_one_differing_segment(
        self, proposer: Proposer, seed_network: Genome, context: Context
    ) -> None:
        """The mate differs in half of the segments; one of these is brought in."""
        mate = seed_network
        for name in seed_network.names[::2]:
            mate = mate.replace(name, f"{seed_network[name]}\n\n\n_MATE = {name!r}")
        child, variation = proposer.mate(seed_network, mate, context)
        assert variation.operator == "mating"
        assert variation.segment in seed_network.differing(mate)
        if isinstance(child, Genome):
            assert set(child.differing(seed_network)) <= {variation.segment}


def _proposed(plan: MatingPlan, proposer: Proposer, context: Context) -> Proposal:
    proposal = reproduce(plan, proposer, context)
    assert proposal is not None, "the proposer ended the run at its first child"
    return proposal
