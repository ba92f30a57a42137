"""Every ablation, placebo and defect changes what it says, and nothing else.

Each is composed, played on a small budget with a model that answers at once, and compared with the
full method step by step. Fates are drawn by digest, so that no network needs to be trained.
"""

import re
from collections import Counter
from functools import cache

import pytest

from harness.config.compose import compose
from harness.config.strategies import build
from harness.evolution.budget import Ledger
from harness.evolution.candidate import Decided, Evaluation, Individual, Rejection
from harness.evolution.genome import Genome
from harness.evolution.loop import evolve
from harness.evolution.search import Method
from harness.llm.model import Completion
from harness.seeding import stream
from harness.tasks.image_classification.wording import WORDING
from tests.conftest import SEED_NETWORK

NETWORK = Genome.parse(SEED_NETWORK.read_text())
SMALL = ("sizes.founders=8", "sizes.offspring=8", "sizes.elites=6", "budget.evaluations=48",
         "eot.probability=0.5")  # fmt: skip
REFLECTS = "raised the accuracy"
FENCED = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


class Echo:
    """A model that gives back the code it is asked about, with a constant of its own added."""

    def __init__(self):
        self.asked, self.answers = {}, {}

    def complete(self, request):
        self.asked[request.step] = request
        blocks = [b for b in FENCED.findall(request.prompt) if request.segment in b]
        name = re.sub(r"\W", "_", request.step)
        text = f"```python\n{blocks[-1] if blocks else ''}\n\n\n{name} = 1\n```"
        self.answers[request.step] = text
        return Completion(text=text, model="echo", date="2026-01-01")


class Played:
    """One arm, played: its configuration, its prompts, its children and populations."""

    def __init__(self, arm):
        acknowledged = ["search.acknowledge_test_selection=true"]
        self.config = compose([f"+ablation={arm}", "model=scripted", *SMALL, *acknowledged])
        self.children, self.populations, model = {}, [], Echo()
        parts = {"model": model} if "model" in self.config.proposer else {}
        evaluation = Evaluation(score=0.5, n_params=518_230, train_s=1.0)
        evolve(
            Individual(step="seed", genome=NETWORK, evaluation=evaluation),
            Method(
                proposer=build(self.config.proposer, wording=WORDING, **parts),
                selection=build(self.config.selection),
                sizes=self.config.sizes,
                rates=self.config.rates,
                ledger=Ledger(budget=self.config.budget),
                seed=0,
                llm_workers=1,
            ),
            gates=lambda _: None,
            confirm=lambda individual: individual,
            assess=lambda proposals: [
                Decided(proposal=one, outcome=outcome(one)) for one in proposals
            ],
            record=self,
        )
        self.asked, self.answers = model.asked, model.answers

    def proposal(self, generation, proposal, outcome):
        self.children[proposal.step] = generation, proposal, outcome

    def generation(self, number, population):
        self.populations.append([i.step for i in population])

    def operators(self, *, later):
        """Counts of operators, of the founders or of all later children."""
        return Counter(
            variation.operator
            for generation, proposal, _ in self.children.values()
            if (generation > 0) == later
            for variation in proposal.variations
        )

    def prompts(self, generation):
        """Prompts of one generation by step."""
        return {s: r.prompt for s, r in self.asked.items() if s.startswith(f"g{generation}.")}


def outcome(proposal):
    if not isinstance(proposal.child, Genome):
        return proposal.child
    rng = stream(0, "outcome", proposal.child.digest)
    return Evaluation(score=rng.random(), n_params=rng.randrange(10**5, 10**6), train_s=1.0)


played = cache(Played)


@pytest.fixture
def full():
    return played("full")


def opening_of(arm, character):
    prompts = arm.config.prompts
    return prompts["neutral"] if character == "neutral" else prompts["characters"][character]


def detail(arm, step, key):
    _, proposal, _ = arm.children[step.rpartition(".")[0]]
    return proposal.variations[0 if step.endswith("mating") else -1].detail[key]


def same_but_for(full, arm, key, text_of):
    """Founders ask the same, once the text of one choice is exchanged for that of the other."""
    assert full.prompts(0).keys() == arm.prompts(0).keys()
    for step, prompt in full.prompts(0).items():
        was, now = (text_of(a, detail(a, step, key)) for a in (full, arm))
        assert prompt.replace(was, now) == arm.prompts(0)[step]
        others = {"category", "character"} - {key}
        assert all(detail(full, step, o) == detail(arm, step, o) for o in others)


def test_the_full_method_does_all_that_the_ablations_remove(full):
    assert full.operators(later=False) == {"mutation": 8}
    assert set(full.operators(later=True)) == {"mutation", "eot", "mating"}
    assert {detail(full, step, "character") for step in full.prompts(0)} > {"neutral"}
    assert len({detail(full, step, "category") for step in full.prompts(0)}) > 3


@pytest.mark.parametrize(
    ("arm", "gone"),
    [("no_eot", {"eot"}), ("no_crossover", {"mating"}), ("no_mutation", {"mutation", "eot"})],
)
def test_an_operator_is_gone_and_the_founders_are_the_same(full, arm, gone):
    other = played(arm)
    assert set(other.operators(later=True)) == {"mutation", "eot", "mating"} - gone
    assert other.prompts(0) == full.prompts(0)
    assert other.operators(later=False) == full.operators(later=False)


@pytest.mark.parametrize("arm", ["no_eot", "eot_with_numbers", "eot_with_ties", "shuffled_eot"])
def test_until_the_second_offspring_generation_reflection_is_no_difference(full, arm):
    other = played(arm)
    for generation in (0, 1):
        assert other.prompts(generation) == full.prompts(generation)
    assert any(REFLECTS in prompt for prompt in full.prompts(2).values())


def test_without_reflection_the_second_offspring_differ_only_where_one_was_drawn(full):
    other = played("no_eot")
    for step, prompt in full.prompts(2).items():
        if REFLECTS not in prompt:
            assert other.prompts(2)[step] == prompt
        else:
            assert REFLECTS not in other.prompts(2)[step]


def test_numbers_are_a_sentence_and_nothing_else(full):
    other = played("eot_with_numbers")
    told = 0
    for step, prompt in full.prompts(2).items():
        if REFLECTS not in prompt:
            assert other.prompts(2)[step] == prompt
            continue
        told += 1
        line, shown = (p.splitlines()[0] for p in (prompt, other.prompts(2)[step]))
        assert shown.startswith(f"{line} Measured on held-out images")
        assert other.prompts(2)[step].replace(shown, line) == prompt
    assert told


def test_feedback_is_a_paragraph_in_every_mutation_prompt_and_nothing_else(full):
    other = played("feedback")
    for step, prompt in full.prompts(0).items():
        (paragraph,) = set(other.prompts(0)[step].split("\n\n")) - set(prompt.split("\n\n"))
        assert other.prompts(0)[step].replace(f"{paragraph}\n\n", "") == prompt
        assert "from 518,230 to 518,230 (unchanged)" in paragraph
    for step, request in other.asked.items():
        assert ("The parent of the network" in request.prompt) == step.endswith("mutation")


@pytest.mark.parametrize("arm", ["full", "eot_with_numbers", "no_crp", "feedback"])
def test_no_elite_is_shown_that_ties_with_the_seed(arm):
    assert shown_scores(arm)
    assert min(shown_scores(arm)) > 0.5


def shown_scores(arm):
    """Scores of the elites that the arm's prompts show; the seed network's is 0.5."""
    children = played(arm).children
    return [
        children[variation.detail["elite"]][2].score
        for _, proposal, _ in children.values()
        for variation in proposal.variations
        if variation.operator == "eot"
    ]


@pytest.mark.parametrize(
    ("arm", "characters"),
    [
        ("no_crp", {"neutral"}),
        ("only_expert", {"expert"}),
        ("only_dr_magoo", {"dr_magoo"}),
        ("only_innovative_scientist", {"innovative_scientist"}),
        ("neutral_persona", {"neutral", "plain_robin", "plain_alex", "plain_kim"}),
    ],
)
def test_characters_are_exchanged_and_nothing_else(full, arm, characters):
    other = played(arm)
    same_but_for(full, other, "character", opening_of)
    mutations = (p.variations[-1] for _, p, _ in other.children.values())
    found = {v.detail["character"] for v in mutations if v.operator == "mutation"}
    assert found <= characters
    assert set(other.operators(later=True)) == {"mutation", "eot", "mating"}
    if arm == "neutral_persona":
        for step in full.prompts(0):
            was_neutral = detail(full, step, "character") == "neutral"
            assert (detail(other, step, "character") == "neutral") == was_neutral


def test_no_eot_no_crp_is_both():
    other = played("no_eot_no_crp")
    assert other.prompts(0) == played("no_crp").prompts(0)
    assert "eot" not in other.operators(later=True)


def test_one_category_asks_for_hyperparameters_alone(full):
    other = played("one_category")
    same_but_for(full, other, "category", lambda a, name: a.config.prompts["categories"][name])
    found = {p.variations[-1].detail.get("category") for _, p, _ in other.children.values()}
    assert found <= {"hyperparameters", None}


def test_without_elitism_nobody_outlives_a_generation(full):
    other = played("no_elitism")
    assert other.prompts(0) == full.prompts(0)
    for number, population in enumerate(other.populations):
        assert {step.split(".")[0] for step in population} == {f"g{number}"}
    assert any(
        not step.startswith(f"g{number}.")
        for number, population in enumerate(full.populations)
        for step in population
    )
    assert set(other.operators(later=True)) == {"mutation", "eot", "mating"}


def test_a_single_objective_keeps_the_most_accurate_whatever_their_size(full):
    other = played("single_objective")
    assert other.prompts(0) == full.prompts(0)
    scores = {s: f.score for s, (_, _, f) in other.children.items() if not isinstance(f, Rejection)}
    kept = [step for step in other.populations[1] if step.startswith("g0.")]
    best = sorted(other.populations[0], key=scores.get)[-len(kept) :]
    assert set(kept) == set(best)


def test_a_shuffled_example_is_the_same_prompt_about_a_pair_that_was_never_measured(full):
    other = played("shuffled_eot")
    shuffled = 0
    for step, prompt in full.prompts(2).items():
        if REFLECTS not in prompt:
            assert other.prompts(2)[step] == prompt
            continue
        shuffled += 1
        was, now = detail(full, step, "example"), detail(other, step, "example")
        text = other.prompts(2)[step]
        (_, _, code), (after, before, same) = FENCED.findall(prompt), FENCED.findall(text)
        assert shape(text, now) == shape(prompt, was)
        assert same == code
        assert NETWORK[now] == before != after
        (elite,) = {detail(a, step, "elite") for a in (full, other)}
        assert now not in full.children[elite][1].child.differing(NETWORK)
        assert after not in {
            c[now] for _, p, _ in full.children.values() if isinstance(c := p.child, Genome)
        }
    assert shuffled


def shape(prompt, example):
    """A prompt of Evolution of Thought without its code and the name of the example."""
    return re.sub(rf"\b{example}\b", "EXAMPLE", FENCED.sub("", prompt).rpartition("following")[0])


def test_the_published_crossover_asks_the_same_and_transfers_nothing(full):
    other = played("crossover_as_published")
    assert other.prompts(0) == full.prompts(0)
    matings = 0
    for step, prompt in full.prompts(1).items():
        if step.endswith("mating"):
            matings += 1
            assert other.prompts(1)[step] == prompt
    assert matings
    for _, proposal, _ in other.children.values():
        for variation in proposal.variations:
            if variation.operator == "mating" and len(proposal.variations) == 1:
                assert f"{variation.segment}\n" in proposal.child.source
                merged = other.answers[variation.calls[0]]
                assert proposal.child[variation.segment] not in merged


def test_selection_on_test_data_differs_in_the_split_alone(full):
    other = played("test_selection")
    assert other.asked == full.asked
    assert (other.config.search.split, full.config.search.split) == ("test", "validation")


@pytest.mark.parametrize("arm", ["iid_sampling", "sequential_sampling"])
def test_samplers_ask_what_a_founder_is_asked_without_evolving(arm):
    other = played(arm)
    assert set(other.operators(later=False) + other.operators(later=True)) == {"mutation"}
    parents = {p.parents for _, p, _ in other.children.values()}
    if arm == "iid_sampling":
        assert parents == {("seed",)}
        assert {s: vars(r) for s, r in other.asked.items() if s.startswith("g0.")} == {
            s: vars(r) for s, r in played("full").asked.items() if s.startswith("g0.")
        }
    best = (0.5, -518_230, "seed")
    for step, (_, proposal, found) in other.children.items():
        if arm == "sequential_sampling":
            assert proposal.parents == (best[2],)
            told = "most accurate network found so far" in other.asked[f"{step}.mutation"].prompt
            assert told == (best[2] != "seed")
        best = max(best, (found.score, -found.n_params, step), key=lambda b: b[:2])
