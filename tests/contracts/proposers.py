"""What every proposer keeps; a new one inherits this and says how it is built."""

import random
from dataclasses import replace

import pytest

from baselines.random_mutation import RandomMutation
from harness.genome import Genome
from harness.population import Evaluation, Individual, Rejection
from harness.proposal import Scene


class ProposerContract:
    """Subclass it with a fixture ``proposer``."""

    @pytest.fixture
    def proposer(self):
        pytest.fail("expected a fixture that builds the proposer")

    @pytest.fixture
    def scene(self, network):
        reference = Individual(
            step="seed",
            genome=network,
            evaluation=Evaluation(accuracy=0.9, n_params=518_230, train_s=1.0),
        )
        smaller = network.replace("DW", network["DW"].replace("Hardswish", "ReLU"))
        elite = Individual(
            step="g0.c1",
            genome=smaller,
            evaluation=Evaluation(accuracy=0.95, n_params=500_000, train_s=1.0),
        )
        return Scene(step="g1.c0", seed=7, founding=False, reference=reference, elites=[elite])

    def test_a_mutation_changes_the_segment_it_names_and_no_other(self, proposer, network, scene):
        for k in range(10):
            child, variation = proposer.mutate(network, replace(scene, step=f"g1.c{k}"))
            if isinstance(child, Genome):
                assert set(child.differing(network)) <= {variation.segment}
            else:
                assert isinstance(child, Rejection)

    def test_mating_brings_in_one_differing_segment(self, proposer, network, scene):
        mate = network
        for k in range(4):
            mate, _ = RandomMutation().mutate(mate, replace(scene, step=f"g9.c{k}"))
        child, variation = proposer.mate(network, mate, scene)
        assert variation.operator == "mating"
        assert variation.segment in network.differing(mate)
        if isinstance(child, Genome):
            assert set(child.differing(network)) <= {variation.segment}

    def test_same_step_same_proposal(self, proposer, network, scene):
        assert proposer.mutate(network, scene) == proposer.mutate(network, scene)

    def test_another_step_draws_anew(self, proposer, network, scene):
        steps = [replace(scene, step=f"g1.c{k}") for k in range(12)]
        told = {
            (v.segment, repr(sorted(v.detail.items())))
            for v in (proposer.mutate(network, s)[1] for s in steps)
        }
        assert len(told) > 3

    def test_neither_parents_nor_global_generators_change(self, proposer, network, scene):
        source, state = network.source, random.getstate()
        proposer.mutate(network, scene)
        assert network.source == source
        assert random.getstate() == state
