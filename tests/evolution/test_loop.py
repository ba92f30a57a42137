"""The loop: founders, elites, mating and mutation stacked, budgets, order."""

import itertools
import threading
import time

import pytest

from harness.baselines.random_mutation import RandomMutation
from harness.config.schema import Budget, Rates, Sizes
from harness.errors import BudgetSpent, InputError
from harness.evolution.budget import Ledger
from harness.evolution.candidate import Decided, Evaluation, Individual, Rejection, Variation
from harness.evolution.loop import evolve
from harness.evolution.search import Method
from harness.evolution.selection import EliteTournament
from harness.seeding import stream

VARIATION = Variation(operator="mutation", segment="SE")


class Notes:
    """A recorder that keeps what it is told."""

    def __init__(self):
        self.children, self.generations = [], []

    def proposal(self, generation, proposal, outcome):
        self.children.append((generation, proposal, outcome))

    def generation(self, number, population):
        self.generations.append((number, [i.step for i in population]))


class Slow:
    """Random mutation that answers late where it was asked early."""

    def __init__(self):
        self._inner, self._turn, self._lock = (
            RandomMutation(edits=(1, 1)),
            itertools.count(),
            threading.Lock(),
        )

    def mutate(self, genome, context):
        with self._lock:
            turn = next(self._turn)
        time.sleep(0.01 * (3 - turn % 4))
        return self._inner.mutate(genome, context)

    def mate(self, genome, mate, context):
        return self._inner.mate(genome, mate, context)


def measured(proposals, *, refuse=lambda proposal: False):
    """A pure function of the source, in place of training."""
    outcomes = []
    for proposal in proposals:
        rng = stream(0, proposal.child.digest)
        if refuse(proposal):
            outcomes.append(Rejection(gate="lint", kind="lint", reason="refused"))
        else:
            outcomes.append(
                Evaluation(score=rng.random(), n_params=rng.randrange(10, 10**6), train_s=1.0)
            )
    return outcomes


@pytest.fixture
def reference(network):
    evaluation = Evaluation(score=0.5, n_params=518_230, train_s=1.0)
    return Individual(step="seed", genome=network, evaluation=evaluation)


@pytest.fixture
def play(reference):
    def run(
        *, budget=None, seed=0, llm_workers=4, assess=measured, proposer=None, sizes=(4, 4),
        p_mate=0.5, p_mutate=0.8, n_elites=4,
    ):  # fmt: skip
        notes, ledger = Notes(), Ledger(budget=budget or Budget(evaluations=16, proposals=80))
        evolve(
            reference,
            Method(
                proposer=proposer or RandomMutation(edits=(1, 1)),
                selection=EliteTournament(n_elites=n_elites),
                sizes=Sizes(founders=sizes[0], offspring=sizes[1]),
                rates=Rates(p_mate=p_mate, p_mutate=p_mutate),
                ledger=ledger,
                seed=seed,
                llm_workers=llm_workers,
            ),
            gates=lambda _: None,
            confirm=lambda individual: individual,
            assess=lambda proposals: [
                outcome
                if isinstance(outcome, Decided)
                else Decided(proposal=proposal, outcome=outcome)
                for proposal, outcome in zip(proposals, assess(proposals), strict=True)
            ],
            record=notes,
        )
        return notes, ledger

    return run


def told(notes):
    return [(g, p.step, p.parents, p.child.digest, f) for g, p, f in notes.children]


def test_founders_are_mutated_copies_of_the_seed(play, network):
    notes, _ = play(budget=Budget(evaluations=4, proposals=20))
    assert [p.step for _, p, _ in notes.children] == ["g0.c0", "g0.c1", "g0.c2", "g0.c3"]
    for _, proposal, _ in notes.children:
        assert proposal.parents == ("seed",)
        assert [v.operator for v in proposal.variations] == ["mutation"]
        assert len(proposal.child.differing(network)) == 1


def test_every_later_child_mates_or_mutates_and_lists_its_operators(play):
    notes, _ = play(budget=Budget(evaluations=80, proposals=80))
    later = [p for g, p, _ in notes.children if g > 0]
    operators = {tuple(v.operator for v in p.variations) for p in later}
    assert operators == {("mutation",), ("mating",), ("mating", "mutation")}
    assert all(len(p.parents) == 1 + (p.variations[0].operator == "mating") for p in later)


def test_parents_live_and_elites_stay(play):
    notes, _ = play(budget=Budget(evaluations=40, proposals=80))
    populations = dict(notes.generations)
    for generation, proposal, _ in notes.children:
        if generation:
            assert set(proposal.parents) <= set(populations[generation - 1])
    for number in list(populations)[1:]:
        stayed = set(populations[number]) & set(populations[number - 1])
        assert len(stayed) == 4


def test_parents_come_from_all_of_the_population_not_from_its_elites(play):
    """Where elites are few, some parents are none of them."""
    notes, _ = play(budget=Budget(evaluations=60, proposals=80), sizes=(8, 8), n_elites=2)
    populations = dict(notes.generations)
    others = set()
    for generation, proposal, _ in notes.children:
        if generation in populations and generation:
            elites = set(populations[generation - 1]) & set(populations[generation])
            others |= set(proposal.parents) - elites
    assert others


def test_same_seed_same_events_whatever_the_workers_and_their_order(play):
    one, _ = play(llm_workers=1)
    four, _ = play(llm_workers=4, proposer=Slow())
    other, _ = play(seed=1)
    assert told(one) == told(four)
    assert told(one) != told(other)


def test_a_smaller_budget_is_a_prefix(play):
    large, _ = play(budget=Budget(evaluations=16, proposals=80))
    for n in (1, 6, 11):
        small, ledger = play(budget=Budget(evaluations=n, proposals=80))
        assert told(small) == told(large)[:n]
        assert ledger.evaluations == n


def test_a_smaller_budget_is_a_prefix_where_proposals_are_refused(play):
    """What is refused is not charged, and the generation goes on."""

    def refusing(proposals):
        return measured(proposals, refuse=lambda one: int(one.child.digest, 16) % 3 == 0)

    large, _ = play(budget=Budget(evaluations=16, proposals=80), assess=refusing)
    for n in range(1, 16):
        small, ledger = play(budget=Budget(evaluations=n, proposals=80), assess=refusing)
        assert told(small) == told(large)[: len(told(small))]
        assert ledger.evaluations == n


@pytest.mark.parametrize(
    "budget",
    [
        Budget(evaluations=10, proposals=3),
        Budget(evaluations=10, proposals=50, generations=0),
        Budget(evaluations=10, proposals=50, train_s=2.0),
        Budget(evaluations=10, proposals=50, seconds=2.0),
    ],
)
def test_the_first_limit_reached_ends_the_run(play, budget):
    notes, ledger = play(budget=budget)
    assert len(notes.children) == min(budget.proposals, 4)
    assert ledger.evaluations == len(notes.children)


@pytest.mark.parametrize("seconds", [3.0, 9.0])
def test_a_smaller_budget_is_a_prefix_where_seconds_end_the_run_too(play, seconds):
    def refusing(proposals):
        return measured(proposals, refuse=lambda one: int(one.child.digest, 16) % 3 == 0)

    large, _ = play(budget=Budget(evaluations=16, proposals=80), assess=refusing)
    for n in range(1, 16):
        budget = Budget(evaluations=n, proposals=80, seconds=seconds)
        small, ledger = play(budget=budget, assess=refusing)
        assert told(small) == told(large)[: len(told(small))]
        assert min(n, seconds) <= ledger.effort.seconds <= n


def test_a_training_of_unknown_duration_ends_a_run_that_counts_seconds(play):
    def failing(proposals):
        return [Rejection(gate="train", kind="killed", reason="was killed") for _ in proposals]

    budget = Budget(evaluations=4, proposals=80, seconds=100)
    with pytest.raises(InputError, match=r"budget\.seconds: .* those of g0\.c0 are not all known"):
        play(budget=budget, assess=failing)


def test_an_arm_whose_answers_are_all_refused_ends_at_its_proposals(play):
    notes, ledger = play(
        budget=Budget(evaluations=4, proposals=18),
        assess=lambda ps: measured(ps, refuse=lambda _: True),
    )
    assert (ledger.proposals, ledger.evaluations) == (18, 0)
    assert len({p.step for _, p, _ in notes.children}) == 18


@pytest.mark.parametrize(
    ("budget", "n"),
    [
        (Budget(evaluations=3, proposals=80), 3),
        (Budget(evaluations=16, proposals=80, train_s=2.0), 4),
        (Budget(evaluations=16, proposals=80, seconds=2.0), 4),
    ],
)
@pytest.mark.parametrize("kind", ["refused", "faster"])
def test_what_was_trained_here_is_charged_whatever_a_study_decided(play, budget, n, kind):
    """Else a stranger's study makes a run train until its proposals are used up."""

    def assess(proposals):
        studied = {
            "refused": Rejection(gate="lint", kind="lint", reason="undefined name x"),
            "faster": Evaluation(score=0.5, n_params=10, train_s=1e-9),
        }[kind]
        return [
            Decided(proposal=one, outcome=studied, measured=outcome)
            for one, outcome in zip(proposals, measured(proposals), strict=True)
        ]

    notes, ledger = play(budget=budget, assess=assess)
    assert (len(notes.children), ledger.evaluations, ledger.train_s) == (n, n, n)


def test_refused_trainings_are_charged_other_refusals_are_not(play):
    def assess(proposals):
        gates = itertools.cycle(["train", "lint"])
        return [Rejection(gate=next(gates), kind="lint", reason="refused") for _ in proposals]

    _, ledger = play(budget=Budget(evaluations=4, proposals=80), assess=assess)
    assert ledger.evaluations == 4
    assert ledger.proposals in {7, 8}


def test_a_proposer_sees_all_that_was_decided_in_earlier_generations(play):
    seen = {}

    class Watching(RandomMutation):
        def mutate(self, genome, context):
            seen[context.step] = context.history
            return super().mutate(genome, context)

    notes, _ = play(proposer=Watching(edits=(1, 1)), llm_workers=1)
    for step, history in seen.items():
        generation = int(step[1:].partition(".")[0])
        assert [(one.proposal, one.outcome) for one in history] == [
            (proposal, outcome) for g, proposal, outcome in notes.children if g < generation
        ]
    assert any(seen.values())


def test_a_search_ends_when_its_proposer_has_nothing_left(play):
    class Three(RandomMutation):
        made = 0

        def mutate(self, genome, context):
            if self.made == 3:
                raise BudgetSpent("nothing left")
            self.made += 1
            return super().mutate(genome, context)

    proposer = Three(edits=(1, 1))
    notes, _ = play(proposer=proposer, llm_workers=1, sizes=(2, 2), p_mate=0, p_mutate=1)
    assert len(notes.children) == 3
    assert [number for number, _ in notes.generations] == [0, 1, 2]


def test_where_nobody_is_left_to_mate_with_there_are_founders_again(play):
    """One founder, no mutation: it has no mate until others are founded."""
    notes, ledger = play(sizes=(1, 4), p_mutate=0.0)
    assert ledger.evaluations == 16
    second = [p for g, p, _ in notes.children if g == 1]
    assert [p.parents for p in second] == [("seed",)]
    assert notes.generations[1][1] == ["g1.c0", "g0.c0"]
    assert all(len(p.parents) == 2 for g, p, _ in notes.children if g > 1)


def test_parents_mate_only_where_the_networks_that_they_build_differ(play):
    """``SE`` is never built: children of it alone compute what their parent computes."""
    seen, by_step = {}, {}

    def assess(proposals):
        outcomes = measured(proposals)
        for k, proposal in enumerate(proposals):
            built = proposal.child.replace("SE", "class SE:\n    pass").digest
            by_step[proposal.step] = built
            if seen.setdefault(built, proposal.step) != proposal.step:
                outcomes[k] = Rejection(gate="same function", kind="duplicate", reason="the same")
        return outcomes

    class OftenDead(RandomMutation):
        def mutate(self, genome, context):
            if context.rng("dead").random() < 0.5:
                return genome.replace("SE", f"class SE:\n    of = '{context.step}'"), VARIATION
            return super().mutate(genome, context)

    notes, _ = play(
        assess=assess, proposer=OftenDead(edits=(1, 1)), p_mate=1.0,
        budget=Budget(evaluations=20, proposals=100),
    )  # fmt: skip
    mated = [p.parents for _, p, _ in notes.children if len(p.parents) == 2]
    assert mated
    assert all(by_step[one] != by_step[other] for one, other in mated)
    assert any(isinstance(outcome, Rejection) for _, _, outcome in notes.children)
