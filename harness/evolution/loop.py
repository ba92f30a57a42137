"""The evolutionary loop of one arm at one seed (Morris 2024, algorithm 1).

The loop never looks inside a proposal. The LLM arm and every baseline run this same code, so a
difference between arms comes from the proposer or the selection that is composed into it.
"""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from harness.config.schema import Rates
from harness.errors import BudgetSpent
from harness.evolution.candidate import (
    Decided,
    Evaluation,
    Individual,
    Outcome,
    Proposal,
    Rejection,
    Variation,
)
from harness.evolution.genome import Genome
from harness.evolution.proposer import Confirm, Context, Gates, Proposer, demand_of
from harness.evolution.search import Assess, Method, Recorder
from harness.seeding import stream


@dataclass(frozen=True, kw_only=True)
class MatingPlan:
    """How one child is made: from its parent, a mate if there is one, and a mutation if drawn."""

    parent: Individual
    mate: Individual | None
    mutates: bool


def evolve(
    reference: Individual,
    method: Method,
    *,
    gates: Gates,
    confirm: Confirm,
    assess: Assess,
    record: Recorder,
) -> None:
    """Evolve by a method until its budget is spent; see ``search.Search``."""
    seed, selection, sizes = method.seed, method.selection, method.sizes
    population = selection.start(reference)
    history: list[Decided] = []
    for generation in itertools.count():
        if method.ledger.generations_spent(generation):
            return
        rng = stream(seed, "elites", generation)
        elites = selection.elites(population, rng=rng) if population else []
        rng = stream(seed, "parents", generation)
        parents = selection.parents(population, n=sizes.offspring, rng=rng) if population else []
        plans = pair_up(parents, population, method.rates, seed=seed, generation=generation)
        founding = not plans  # the first generation, or no parent has a mate
        plans = plans or [MatingPlan(parent=reference, mate=None, mutates=True)] * sizes.founders
        context = partial(
            Context,
            seed=seed,
            founding=founding,
            reference=reference,
            elites=elites,
            history=tuple(history),
            gates=gates,
            confirm=confirm,
        )
        decided = decide(
            [
                (plan, context(step=f"g{generation}.c{child}", parent=plan.parent))
                for child, plan in enumerate(plans)
            ],
            method,
            assess=assess,
            record=partial(record.proposal, generation),
        )
        if decided is None:
            return
        history += decided
        population = selection.survivors(elites, evaluated(decided))
        record.generation(generation, population)
        if not decided:  # the proposer has nothing left to propose, or the budget for it is spent
            return


def decide(
    waiting: Sequence[tuple[MatingPlan, Context]],
    method: Method,
    *,
    assess: Assess,
    record: Callable[[Proposal, Outcome], None],
) -> list[Decided] | None:
    """Propose and assess the children of a generation while the budget has room.

    A child that is refused before it is trained frees its place for the next one. So a smaller
    budget takes the course of a larger one up to its end.

    Returns:
        The proposals with their outcomes; None if there was no room for one.
    """
    decided: list[Decided] | None = None
    ledger, proposer = method.ledger, method.proposer
    while admitted := list(itertools.takewhile(lambda _: ledger.admit(), waiting)):
        waiting = waiting[len(admitted) :]
        at_once = ledger.side_by_side(len(admitted), method.llm_workers, demand_of(proposer))
        proposals = propose(admitted, proposer, at_once)
        decided = decided or []
        for one in assess(proposals):
            ledger.charge(one)
            record(one.proposal, one.outcome)
            decided.append(one)
    return decided


def evaluated(decided: Sequence[Decided]) -> list[Individual]:
    """Return the children that were evaluated, as individuals."""
    return [
        Individual(step=one.proposal.step, genome=one.proposal.child, evaluation=one.outcome)
        for one in decided
        if isinstance(one.outcome, Evaluation) and isinstance(one.proposal.child, Genome)
    ]


def pair_up(
    parents: Sequence[Individual],
    population: Sequence[Individual],
    rates: Rates,
    *,
    seed: int,
    generation: int,
) -> list[MatingPlan]:
    """Pair neighbouring parents: both of a pair mate, or neither; a parent without mate mutates.

    Only parents whose segments differ mate. Where ``p_mutate`` is 0, a parent without mate mates
    with any individual whose segments differ, and has no child if there is none.
    """
    plans = []
    for i, parent in enumerate(parents):
        partner = parents[i ^ 1] if (i ^ 1) < len(parents) else None
        willing = stream(seed, "mate", generation, i // 2).random() < rates.p_mate
        mate = partner if willing and _may_mate(parent, partner, rates) else None
        if mate is None and not rates.p_mutate:
            others = [other for other in population if _may_mate(parent, other, rates)]
            if not others:
                continue
            mate = stream(seed, "any mate", generation, i).choice(others)
        mutates = stream(seed, "mutate", generation, i).random() < rates.p_mutate
        plans.append(MatingPlan(parent=parent, mate=mate, mutates=mutates or mate is None))
    return plans


def _may_mate(parent: Individual, other: Individual | None, rates: Rates) -> bool:
    """Return whether there is another parent with a segment that differs.

    No population holds two networks with the same live code (``evaluation.behaviour``).
    """
    if other is None:
        return False
    return rates.mate_identical or bool(parent.genome.differing(other.genome))


def propose(
    planned: Sequence[tuple[MatingPlan, Context]], proposer: Proposer, at_once: int
) -> list[Proposal]:
    """Propose the planned children, so many at once; the rest is left out if the budget ends."""
    with ThreadPoolExecutor(at_once) as pool:
        children = list(pool.map(lambda one: reproduce(one[0], proposer, one[1]), planned))
    return [proposal for proposal in children if proposal is not None]


def reproduce(plan: MatingPlan, proposer: Proposer, context: Context) -> Proposal | None:
    """Mate and mutate as planned; return None if the budget ends within the child."""
    child: Genome | Rejection = plan.parent.genome
    parents = [plan.parent.step]
    variations: list[Variation] = []
    try:
        if plan.mate is not None and isinstance(child, Genome):
            child, variation = proposer.mate(child, plan.mate.genome, context)
            parents.append(plan.mate.step)
            variations.append(variation)
        if plan.mutates and isinstance(child, Genome):
            child, variation = proposer.mutate(child, context)
            variations.append(variation)
    except BudgetSpent:
        return None
    return Proposal(
        step=context.step, parents=tuple(parents), variations=tuple(variations), child=child
    )
