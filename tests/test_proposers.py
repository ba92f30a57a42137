"""Every proposer keeps the contract; guided variation asks what the method says."""

from dataclasses import replace

import pytest

from baselines.random_mutation import RandomMutation
from harness.compose import build, compose
from harness.genome import Genome
from harness.models import Completion, Scripted
from harness.population import Individual, Rejection
from tests.contracts.proposers import ProposerContract

ANSWERS = [
    "```python\nclass DW(nn.Module):\n    pass\n```",
    "```python\nclass SE(nn.Module):\n    pass\n```",
    "No code today.",
]


def guided(model, *overrides):
    return build(compose(overrides).proposer, model=model)


class TestRandomMutation(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return RandomMutation()

    def test_mating_swaps_the_whole_segment(self, proposer, network, scene):
        mate = network.replace("DW", "class DW:\n    pass").replace("SE", "class SE:\n    pass")
        child, variation = proposer.mate(network, mate, scene)
        assert child == network.replace(variation.segment, mate[variation.segment])

    def test_a_mutant_differs(self, proposer, network, scene):
        for k in range(40):
            child, variation = proposer.mutate(network, replace(scene, step=f"g1.c{k}"))
            assert child.differing(network) == (variation.segment,)

    def test_nothing_to_edit_is_a_rejection(self, proposer, scene):
        child, _ = proposer.mutate(Genome.parse("# segment: A\nx = 1\n"), scene)
        assert isinstance(child, Rejection)


class TestGuided(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return guided(Scripted(answers=ANSWERS))


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


class TestGuidedAsks(TestGuided):
    def details(self, proposer, network, scene, n=400):
        steps = (replace(scene, step=f"g1.c{k}") for k in range(n))
        return [proposer.mutate(network, s)[1] for s in steps]

    def test_all_24_prompts_occur_equally_among_plain_mutations(self, network, scene):
        found = self.details(guided(Listener(), "+ablation=no_eot"), network, scene, n=1200)
        counts = {}
        for variation in found:
            key = (variation.detail["category"], variation.detail["character"])
            counts[key] = counts.get(key, 0) + 1
        assert len(counts) == 24
        assert all(20 <= count <= 90 for count in counts.values())

    def test_a_quarter_reflects_and_founders_never_do(self, network, scene):
        proposer = guided(Listener())
        found = self.details(proposer, network, scene)
        share = sum(v.operator == "eot" for v in found) / len(found)
        assert 0.18 < share < 0.32
        founding = self.details(proposer, network, replace(scene, founding=True))
        assert {v.operator for v in founding} == {"mutation"}

    def test_eot_shows_both_versions_and_both_measured_changes(self, network, scene):
        listener = Listener()
        guided(listener, "proposer.eot_probability=1").mutate(network, scene)
        prompt = listener.requests[0].prompt
        assert network["DW"] in prompt
        assert scene.elites[0].genome["DW"] in prompt
        assert "from 90.00% to 95.00% (+5.00 percentage points)" in prompt
        assert "from 518,230 to 500,000 (-3.5%)" in prompt

    def test_an_elite_that_the_seed_dominates_is_no_example(self, network, scene):
        elite = scene.elites[0]
        poor = replace(elite, evaluation=replace(elite.evaluation, accuracy=0.8, n_params=600_000))
        same = Individual(step="g0.c9", genome=network, evaluation=elite.evaluation)
        proposer = guided(Listener(), "proposer.eot_probability=1")
        found = self.details(proposer, network, replace(scene, elites=[poor, same]), n=20)
        assert {v.operator for v in found} == {"mutation"}

    @pytest.mark.parametrize(
        ("arm", "operators", "characters"),
        [
            ("full", {"mutation", "eot"}, 4),
            ("no_eot", {"mutation"}, 4),
            ("no_crp", {"mutation", "eot"}, 1),
            ("no_eot_no_crp", {"mutation"}, 1),
        ],
    )
    def test_ablations_remove_what_they_name(self, network, scene, arm, operators, characters):
        found = self.details(guided(Listener(), f"+ablation={arm}"), network, scene)
        assert {v.operator for v in found} == operators
        assert len({v.detail["character"] for v in found}) == characters

    def test_arms_that_share_a_draw_ask_the_same(self, network, scene):
        first, second = Listener(), Listener()
        founding = replace(scene, founding=True)
        guided(first).mutate(network, founding)
        guided(second, "+ablation=no_eot").mutate(network, founding)
        assert first.requests == second.requests

    def test_settings_are_drawn_within_the_papers_ranges(self, network, scene):
        listener = Listener()
        proposer = guided(listener)
        self.details(proposer, network, scene, n=100)
        temperatures = [r.settings.temperature for r in listener.requests]
        tokens = [r.settings.max_tokens for r in listener.requests]
        assert 0.02 <= min(temperatures) < max(temperatures) <= 0.35
        assert 600 <= min(tokens) < max(tokens) <= 1400
        assert {r.settings.top_p for r in listener.requests} == {0.1}

    def test_an_answer_cut_off_by_its_limit_is_refused_as_such(self, network, scene):
        child, _ = guided(Listener(finish_reason="length")).mutate(network, scene)
        assert isinstance(child, Rejection)
        assert "cut off" in child.reason

    def test_mating_shows_both_parents_and_both_wordings_occur(self, network, scene):
        listener = Listener()
        proposer = guided(listener)
        mate = network.replace("DW", "class DW:\n    other = 1")
        for k in range(20):
            child, _ = proposer.mate(network, mate, replace(scene, step=f"g1.c{k}"))
            assert child == network.replace("DW", "class DW:\n    new = 1")
        prompts = {r.prompt for r in listener.requests}
        assert len(prompts) == 2
        assert all(network["DW"] in p and mate["DW"] in p for p in prompts)
