"""Guided variation asks what the method says."""

from dataclasses import replace

import pytest

from harness.config.problems import CHOICES
from harness.errors import BudgetSpent, InputError
from harness.evolution.candidate import Individual, Rejection
from harness.evolution.genome import Genome
from harness.evolution.proposer import labels_of
from harness.llm.guided import SHOWN, Guided
from harness.llm.offline import Scripted
from harness.testing.proposers import SegmentContract
from tests.support.proposers import (
    ANSWERS,
    Listener,
    guided,
    varied,
)


class CutOffReviews(Listener):
    def complete(self, request):
        done = super().complete(request)
        reason = "length" if request.step.endswith("review") else None
        return replace(done, finish_reason=reason)


class SpentAfterOne(Listener):
    def complete(self, request):
        if self.requests:
            raise BudgetSpent("budget.llm_calls has no room for another call.")
        return super().complete(request)


def measured(individual, score, n_params):
    evaluation = replace(individual.evaluation, score=score, n_params=n_params)
    return replace(individual, evaluation=evaluation)


def always(model, *overrides):
    """The method, reflecting wherever it may."""
    return guided(model, *overrides, "proposer.eot_probability=1")


class TestGuided(SegmentContract):
    @pytest.fixture
    def proposer(self):
        return guided(Scripted(answers=ANSWERS))

    @pytest.mark.parametrize(
        "setting", ["proposer.review_probability=1", "proposer.repair_attempts=2"]
    )
    def test_what_is_paid_for_is_kept_where_the_budget_ends_within_a_child(
        self, network, context, setting
    ):
        refusing = replace(
            context, gates=lambda _: Rejection(gate="lint", kind="lint", reason="F821")
        )
        child, variation = guided(SpentAfterOne(), setting).mutate(network, refusing)
        assert isinstance(child, Genome)
        assert len(variation.calls) == 1
        assert "repairs" not in variation.detail

    def test_a_repair_shows_the_refused_code_and_the_reason_and_is_counted(self, network, context):
        seen = []

        def gates(genome):
            seen.append(genome)
            return (
                Rejection(gate="lint", kind="lint", reason="F821 something")
                if len(seen) < 3
                else None
            )

        listener = Listener()
        _, variation = guided(listener, "proposer.repair_attempts=5").mutate(
            network, replace(context, gates=gates)
        )
        assert variation.detail["repairs"] == "2"
        first, *repairs = (r.prompt for r in listener.requests)
        assert [r.step for r in listener.requests[1:]] == [
            "g1.c0.mutation-repair1", "g1.c0.mutation-repair2",
        ]  # fmt: skip
        for prompt in repairs:
            assert prompt.startswith(first.strip())
            assert "F821 something" in prompt
            assert "new = 1" in prompt

    def test_what_the_settings_allow_to_be_shown_is_what_the_method_knows(self):
        assert set(SHOWN) == set(CHOICES["eot.shows"])
        with pytest.raises(InputError, match=r"proposer\.eot_shows: expected one of improvements,"):
            guided(Listener(), "proposer.eot_shows=all")

    def test_all_24_prompts_occur_equally_among_plain_mutations(self, network, context):
        found = varied(guided(Listener(), "+ablation=no_eot"), network, context, n=600)
        counts = {}
        for variation in found:
            key = (variation.detail["category"], variation.detail["character"])
            counts[key] = counts.get(key, 0) + 1
        assert len(counts) == 24
        assert all(8 <= count <= 50 for count in counts.values())

    def test_a_quarter_reflects_from_the_second_offspring_generation_on(self, network, context):
        proposer = guided(Listener())
        found = varied(proposer, network, context, generation=2)
        share = sum(v.operator == "eot" for v in found) / len(found)
        assert 0.15 < share < 0.35
        for early in (replace(context, founding=True), context):
            assert {v.operator for v in varied(proposer, network, early, n=60)} == {"mutation"}
        at_once = guided(Listener(), "eot.from_generation=1")
        assert {v.operator for v in varied(at_once, network, context, n=60)} == {"mutation", "eot"}

    @pytest.mark.parametrize("arm", ["full", "eot_with_numbers"])
    def test_eot_shows_both_versions_and_only_its_arm_the_numbers(self, network, context, arm):
        listener = Listener()
        elite = measured(context.elites[0], 0.95, 500_000)
        _, variation = always(listener, f"+ablation={arm}").mutate(
            network, replace(context, step="g2.c0", elites=[elite])
        )
        prompt, shown = listener.requests[0].prompt, variation.detail["example"]
        assert network[shown] in prompt
        assert elite.genome[shown] in prompt
        for told in ("from 90.00% to 95.00% (+5.00 percentage points)", "to 500,000 (-3.5%)"):
            assert (told in prompt) == (arm == "eot_with_numbers")

    @pytest.mark.parametrize(
        ("score", "n_params", "shows"),
        [
            (0.9, 518_230, {"improvements_and_ties", "undominated"}),  # a tie in both
            (0.9, 400_000, {"improvements_and_ties", "undominated", "dominating"}),
            (0.9 + 1e-12, 400_000, {"improvements_and_ties", "undominated", "dominating"}),
            (0.95, 600_000, {"improvements", "improvements_and_ties", "undominated"}),
            (0.95, 518_230, set(SHOWN)),
            (0.8, 400_000, {"undominated"}),
            (0.8, 600_000, set()),
        ],
    )
    def test_which_elites_are_shown(self, network, context, score, n_params, shows):
        elite = measured(context.elites[0], score, n_params)
        same = Individual(step="g0.c9", genome=network, evaluation=elite.evaluation)
        context = replace(context, elites=[elite, same])
        for name in SHOWN:
            found = varied(always(Listener(), f"eot.shows={name}"), network, context, 8, 2)
            if name in shows:
                assert {v.detail["elite"] for v in found} == {elite.step}
            else:
                assert {v.detail["eot"] for v in found} == {"no eligible elite"}

    def test_what_the_shown_change_did_is_recorded(self, network, context):
        elite = measured(context.elites[0], 0.95, 500_000)
        context = replace(context, step="g2.c0", elites=[elite])
        _, variation = always(Listener()).mutate(network, context)
        assert variation.detail["shown"] == "accuracy up and parameters down"
        assert labels_of(Guided)["shown"] == "shown change"  # so harness.credit counts it
        assert variation.detail["shown_score"] == "from 90.00% to 95.00% (+5.00 percentage points)"
        assert variation.detail["shown_params"] == "from 518,230 to 500,000 (-3.5%)"
        assert "character" not in variation.detail  # the prompt has none

    def test_feedback_tells_the_parents_objectives_in_every_mutation_prompt(self, network, context):
        parent = measured(context.elites[0], 0.95, 500_000)
        told = "its accuracy went from 90.00% to 95.00% (+5.00 percentage points), and its"
        for step, eot in (("g0.c0", 0), ("g1.c0", 0), ("g2.c0", 1)):
            for arm in ("full", "feedback"):
                listener = Listener()
                proposer = guided(listener, f"+ablation={arm}", f"proposer.eot_probability={eot}")
                proposer.mutate(parent.genome, replace(context, step=step, parent=parent))
                assert (told in listener.requests[0].prompt) == (arm == "feedback")

    @pytest.mark.parametrize("arm", ["no_crp", "only_expert", "neutral_persona", "one_category"])
    def test_what_characters_and_categories_ablate_changes_no_prompt_of_eot(
        self, network, context, arm
    ):
        asked = []
        for name in ("full", arm):
            listener = Listener()
            varied(always(listener, f"+ablation={name}"), network, context, 20, 2)
            asked.append(listener.requests)
        assert asked[0] == asked[1]

    @pytest.mark.parametrize(
        ("arm", "operators", "characters"),
        [
            ("full", {"mutation", "eot"}, 4),
            ("no_eot", {"mutation"}, 4),
            ("no_crp", {"mutation", "eot"}, 1),
            ("no_eot_no_crp", {"mutation"}, 1),
            ("only_dr_magoo", {"mutation", "eot"}, 1),
            ("neutral_persona", {"mutation", "eot"}, 4),
            ("iid_sampling", {"mutation"}, 4),
        ],
    )
    def test_ablations_remove_what_they_name(self, network, context, arm, operators, characters):
        found = varied(guided(Listener(), f"+ablation={arm}"), network, context, generation=2)
        assert {v.operator for v in found} == operators
        told = {v.detail["character"] for v in found if v.operator == "mutation"}
        assert len(told) == characters

    def test_arms_that_share_a_draw_ask_the_same(self, network, context):
        first, second = Listener(), Listener()
        founding = replace(context, founding=True)
        guided(first).mutate(network, founding)
        guided(second, "+ablation=no_eot").mutate(network, founding)
        assert first.requests == second.requests

    def test_settings_are_drawn_within_the_papers_ranges(self, network, context):
        listener = Listener()
        proposer = guided(listener)
        varied(proposer, network, context, n=100)
        temperatures = [r.settings.temperature for r in listener.requests]
        tokens = [r.settings.max_tokens for r in listener.requests]
        assert 0.02 <= min(temperatures) < max(temperatures) <= 0.35
        assert 600 <= min(tokens) < max(tokens) <= 1400
        assert {r.settings.top_p for r in listener.requests} == {0.1}

    def test_a_review_checks_the_answer_and_its_own_answer_counts(self, network, context):
        listener = Listener()
        proposer = guided(listener, "proposer.review_probability=0.5")
        found = varied(proposer, network, replace(context, founding=True), n=60)
        reviewed = [v for v in found if len(v.calls) == 2]
        assert 15 < len(reviewed) < 45
        asked = {request.step: request for request in listener.requests}
        first, second = (asked[step] for step in reviewed[0].calls)
        assert second.step == f"{first.step}-review"
        assert "new = 1" in second.prompt
        assert network[first.segment] in second.prompt
        cut = guided(CutOffReviews(), "proposer.review_probability=1")
        child, variation = cut.mutate(network, replace(context, founding=True))
        assert isinstance(child, Genome)  # what was to be checked stands
        assert "cut off" in variation.detail["review"]
        never = guided(Listener())
        assert {len(v.calls) for v in varied(never, network, context, n=30)} == {1}

    def test_an_answer_that_changes_nothing_is_refused(self, network, context):
        same = {n: f"```python\n{network[n]}\n# the same\n```" for n in network.names}

        class Repeats(Listener):
            def complete(self, request):
                return replace(super().complete(request), text=same[request.segment])

        mate = network.replace("DW", "class DW:\n    other = 1")
        proposer = guided(Repeats())
        for child, _ in (proposer.mutate(network, context), proposer.mate(network, mate, context)):
            assert (child.kind, child.gate) == ("duplicate", "extract")

    def test_prompts_name_what_the_network_imports(self, context):
        own = Genome.parse("import torch\n# segment: Net\nclass Net:\n    pass\n")
        listener = Listener()
        guided(listener).mutate(own, replace(context, founding=True))
        assert "settings; torch is imported." in listener.requests[0].prompt

    def test_unknown_names_of_prompts_are_refused(self):
        for what in ("categories", "characters"):
            with pytest.raises(InputError, match=f"proposer.{what}: expected names among"):
                guided(Listener(), f"proposer.{what}=[no_such]")

    def test_an_answer_cut_off_by_its_limit_is_refused_as_such(self, network, context):
        child, _ = guided(Listener(finish_reason="length")).mutate(network, context)
        assert isinstance(child, Rejection)
        assert "cut off" in child.reason

    def test_mating_shows_both_parents_and_both_wordings_occur(self, network, context):
        listener = Listener()
        proposer = guided(listener)
        mate = network.replace("DW", "class DW:\n    other = 1")
        for k in range(20):
            child, _ = proposer.mate(network, mate, replace(context, step=f"g1.c{k}"))
            assert child == network.replace("DW", "class DW:\n    new = 1")
        prompts = {r.prompt for r in listener.requests}
        assert len(prompts) == 2
        assert all(network["DW"] in p and mate["DW"] in p for p in prompts)
