"""Every proposer of a baseline keeps the contract, and varies as its method says."""

from dataclasses import replace

import pytest
import torch

from harness.baselines.random_mutation import MatchedMutation
from harness.baselines.syntax_edits import Edit
from harness.baselines.width import WidthMultiplier, scaled
from harness.config.compose import compose
from harness.errors import BudgetSpent, InputError
from harness.evolution.candidate import Evaluation, Individual, Rejection
from harness.evolution.genome import Genome
from harness.llm.offline import Scripted
from harness.sandbox.parser import MAX_SOURCE_BYTES
from harness.testing.proposers import ProposerContract, SegmentContract
from tests.support.proposers import (
    ANSWERS,
    Listener,
    built,
    decided,
    guided,
    varied,
)


class TestRandomMutation(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return built("random_mutation")

    @pytest.mark.slow
    def test_a_sixth_of_the_mutations_consists_of_shrinking_edits_more_or_less(
        self, network, context
    ):
        always, never = (MatchedMutation(edits=(3, 3), shrinking=share) for share in (1, 0))
        for k in range(20):
            _, variation = always.mutate(network, replace(context, step=f"g1.c{k}"))
            assert set(variation.detail["kind"].split(", ")) <= {"width", "layer"}
        told = varied(never, network, context, n=20)
        assert any("optimiser" in v.detail["kind"] for v in told)
        share = compose(["+ablation=random_mutation"]).proposer["shrinking"]
        assert share == pytest.approx(1 / 6)
        mixed = MatchedMutation(edits=(3, 3), shrinking=share)
        shrinks = []
        for k in range(300):
            step = replace(context, step=f"g1.c{k}")
            made, small, other = (one.mutate(network, step)[0] for one in (mixed, always, never))
            assert made in {small, other}
            if small != other:
                shrinks.append(made == small)
        assert sum(shrinks) == pytest.approx(len(shrinks) / 6, abs=25)

    def test_a_share_is_a_share(self):
        with pytest.raises(InputError, match="shrinking: expected a share from 0 to 1, got 2"):
            MatchedMutation(edits=(1, 1), shrinking=2)

    def test_a_network_that_cannot_shrink_is_edited_otherwise(self, context):
        small = Genome.parse("# segment: A\nact = nn.ReLU()\n")
        child, _ = MatchedMutation(edits=(1, 1), shrinking=1).mutate(small, context)
        assert child.differing(small) == ("A",)

    def test_a_segment_that_edits_make_too_long_is_refused(self, network, context):
        class Longer(MatchedMutation):
            def drawn(self, sources, rng, context):
                edit = Edit(kind="layer", site="double", changes=())
                return "ME", sources["ME"] + "#" * MAX_SOURCE_BYTES, edit

        refused, variation = Longer(edits=(2, 2), shrinking=0).mutate(network, context)
        assert refused.reason == "edited, ME has more than 65536 bytes"
        assert variation.segment == "ME"

    def test_equal_parents_have_no_segment_to_swap(self, proposer, network, context):
        child, variation = proposer.mate(network, network, context)
        assert (child.kind, child.reason) == ("duplicate", "the parents are equal")
        assert (variation.operator, variation.segment) == ("mating", "several")


class TestRandomMutationAsBefore(SegmentContract):
    @pytest.fixture
    def proposer(self):
        return built("random_mutation_as_before")

    def test_it_proposes_what_version_0_1_0_recorded(self, proposer, network, context):
        steps = [replace(context, step=f"g0.c{k}", seed=0, founding=True) for k in range(6)]
        assert [proposer.mutate(network, step)[0].digest for step in steps] == [
            "ab7a4eb0a393aee4", "2a3b829e82d1a4be", "c7493083f82c5af0",
            "cf30984dca35a5b2", "78ab635de3f8ddf9", "462b0f3fc3fef98f",
        ]  # fmt: skip

    def test_mating_swaps_the_whole_segment(self, proposer, network, context):
        mate = network.replace("DW", "class DW:\n    pass").replace("SE", "class SE:\n    pass")
        child, variation = proposer.mate(network, mate, context)
        assert child == network.replace(variation.segment, mate[variation.segment])

    def test_a_mutant_differs(self, proposer, network, context):
        for k in range(40):
            child, variation = proposer.mutate(network, replace(context, step=f"g1.c{k}"))
            assert child.differing(network) == (variation.segment,)

    def test_nothing_to_edit_is_a_rejection(self, proposer, context):
        child, _ = proposer.mutate(Genome.parse("# segment: A\nx = 1\n"), context)
        assert isinstance(child, Rejection)


class TestRandomSearch(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return built("random_search")

    def test_one_to_eight_edits_of_any_segments(self, proposer, network, context):
        made = [proposer.mutate(network, replace(context, step=f"g1.c{k}")) for k in range(60)]
        kinds = [len(v.detail["kind"].split(", ")) for _, v in made]
        assert set(kinds) == set(range(1, 9))
        several = [c for c, v in made if v.segment == "several" and isinstance(c, Genome)]
        assert max(len(c.differing(network)) for c in several) > 3


class TestWidth(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return built("width")

    def test_multipliers_halve_and_then_fill_the_gaps_in_one_order_for_every_seed(
        self, proposer, network, context
    ):
        steps = [replace(context, step=f"g0.c{k}", seed=k) for k in range(12)]
        told = [proposer.mutate(network, step)[1].detail["multiplier"] for step in steps]
        assert [float(one) for one in told] == [
            1/2, 1/4, 1/8, 3/4, 3/8, 3/16, 7/8, 5/8, 7/16, 5/16, 7/32, 5/32,
        ]  # fmt: skip

    def test_a_generation_continues_where_the_one_before_it_ended(self, proposer, network, context):
        rejection = Rejection(gate="build", kind="build", reason="any")
        history = (decided("g0.c0", network, rejection),) * 3
        later = replace(context, step="g1.c1", history=history)
        assert proposer.mutate(network, later)[1].detail == {"multiplier": "0.375"}

    @pytest.mark.parametrize(("multiplier", "n_params"), [(1 / 2, 136_898), (1 / 8, 11_550)])
    def test_its_networks_have_the_sizes_published_here(self, network, multiplier, n_params):
        names = {}
        exec(scaled(network, multiplier).source, names)
        with torch.device("meta"):
            built = names["ExquisiteNetV2"](10, 3)
        assert sum(p.numel() for p in built.parameters()) == n_params

    def test_it_ends_when_every_width_was_proposed(self, context):
        slim = Genome.parse("# segment: A\nlayer = nn.Linear(16, 10)\n")
        seed = replace(context, reference=replace(context.reference, genome=slim))
        steps = [replace(seed, step=f"g0.c{k}") for k in range(6)]
        proposer = WidthMultiplier(halvings=2)
        made = [proposer.mutate(slim, step)[0] for step in steps[:5]]
        assert len(set(made)) == 5
        with pytest.raises(BudgetSpent, match=r"g0\.c5: every multiplier was proposed"):
            proposer.mutate(slim, steps[5])
        assert [one["A"] for one in made[:2]] == [
            "layer = nn.Linear(8, 4)", "layer = nn.Linear(4, 4)",
        ]  # fmt: skip

    def test_a_network_without_widths_is_refused_in_one_sentence(self, proposer, context):
        mine = Genome.parse("# segment: Mine\nclass Mine:\n    pass\n")
        seed = replace(context, reference=replace(context.reference, genome=mine))
        with pytest.raises(InputError, match=r"ablation=width: expected a seed network that"):
            proposer.mutate(mine, seed)


class TestShuffledExamples(SegmentContract):
    @pytest.fixture
    def proposer(self):
        return guided(Scripted(answers=ANSWERS), "+ablation=shuffled_eot")

    def test_a_shuffled_example_needs_a_segment_that_the_elite_did_not_change(
        self, network, context
    ):
        elite = context.elites[0]
        for name in network.names:
            new = f"{network[name]}\n\n\nNEW = 1"
            elite = replace(elite, genome=elite.genome.replace(name, new))
        proposer = guided(Listener(), "+ablation=shuffled_eot", "proposer.eot_probability=1")
        context = replace(context, elites=[elite])
        found = varied(proposer, network, context, n=5, generation=2)
        assert {v.detail["eot"] for v in found} == {"no segment to edit"}
        found = varied(proposer, network, replace(context, elites=[]), n=5, generation=2)
        assert {v.detail["eot"] for v in found} == {"no eligible elite"}

    def test_a_shuffled_example_passes_on_no_code_of_any_elite(self, network, context):
        long = "\n".join(f"    new_{k} = {k}" for k in range(9))
        seed = context.reference.genome
        one, other = (
            replace(
                context.elites[0],
                step=f"g0.c{k}",
                genome=seed.replace(name, f"class {name}:\n{long}"),
            )
            for k, name in enumerate(("DW", "DFSEBV2"))
        )
        proposer = guided(Listener(), "+ablation=shuffled_eot", "proposer.eot_probability=1")
        full = guided(Listener(), "proposer.eot_probability=1")
        both = replace(context, elites=[one, other])
        changed, segments = [], set()
        for k in range(20):
            at = replace(both, step=f"g2.c{k}")
            elite, shown = proposer.example(at)
            real, pair = full.example(at)
            assert elite == real
            assert shown.change == pair.change
            assert shown.segment not in elite.genome.differing(seed)
            assert shown.before == seed[shown.segment]
            assert "new_" not in shown.after
            segments.add(shown.segment)
            changed.append(len(set(shown.after.splitlines()) - set(shown.before.splitlines())))
        assert sum(changed) / 20 > 3  # a single edit changes one line, or two
        assert len(segments) > 3


class TestSequentialSampling(SegmentContract):
    @pytest.fixture
    def proposer(self):
        return guided(Scripted(answers=ANSWERS), "+ablation=sequential_sampling")

    def test_sequential_sampling_tells_what_was_measured_of_the_best(self, network, context):
        listener = Listener()
        best = context.elites[0]
        proposer = guided(listener, "+ablation=sequential_sampling")
        proposer.mutate(best.genome, replace(context, elites=[best]))
        proposer.mutate(network, replace(context, elites=[context.reference]))
        told, nothing = (request.prompt for request in listener.requests)
        assert "accuracy on held-out images went from 90.00% to 95.00%" in told
        assert "most accurate network found so far" not in nothing


class TestCrossoverAsPublished(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return guided(Scripted(answers=ANSWERS), "+ablation=crossover_as_published")

    def test_a_merge_overwrites_what_stands_before_its_segment(self, network, context):
        proposer = guided(Listener(), "+ablation=crossover_as_published")
        for k in range(12):
            child, variation = proposer.mate(network, network, replace(context, step=f"g1.c{k}"))
            place = network.names.index(variation.segment)
            assert child[variation.segment] == network[variation.segment]
            assert "new = 1" in (child[network.names[place - 1]] if place else child.header)


class TestSeedOnly(ProposerContract):
    """Exempt from the rule on unchanged children alone: to train the same again is its purpose."""

    @pytest.fixture
    def proposer(self):
        return built("seed_only")

    @pytest.fixture
    def members(self, network):
        evaluation = Evaluation(score=0.9, n_params=518_230, train_s=1.0)
        return [Individual(step="seed", genome=network, evaluation=evaluation)]

    def test_an_unchanged_child_is_never_returned_as_new(self, proposer, network, context):
        child, _ = proposer.mutate(network, context)
        assert child == network

    def test_another_step_draws_anew(self, proposer, network, context):
        steps = (replace(context, step=f"g1.c{k}") for k in range(3))
        assert [proposer.mutate(network, step)[0] for step in steps] == [network] * 3
