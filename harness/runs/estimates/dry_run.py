"""Estimate of what a run would cost, by a dry run of each arm.

The real loop runs with its real prompts. A stub model answers with the code of the prompt and one
line more, or as the proposer's ``stand_in`` does, at the full length allowed; outcomes are random.
Nothing is sent and nothing is trained.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.config.identity import digest_of, settings_of
from harness.config.schema import Config
from harness.config.strategies import TARGET, build, strategy_class
from harness.errors import BudgetSpent
from harness.evolution.budget import (
    Effort,
    Ledger,
    Usage,
    cost_of,
    cost_of_training,
    limits_below_an_answer,
)
from harness.evolution.candidate import (
    Decided,
    Evaluation,
    Gated,
    Individual,
    Outcome,
    Proposal,
    Rejection,
)
from harness.evolution.genome import Genome
from harness.evolution.proposer import demand_of
from harness.evolution.search import Method, Stages
from harness.llm.model import Completion, Ensemble, Member, Model, Request, is_paid, today
from harness.runs.spec import most_trainings
from harness.seeding import stream
from harness.tasks.base import wording_of

BYTES_PER_TOKEN = 3
"""Assumed for prompts, which are mostly Python code."""
_FENCED = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
StandIn = Callable[[Request], str]
"""Answers a request as an LLM might."""


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """Usage and cost of one arm in a dry run."""

    arm: str
    seed: int
    model: str
    """Name of its model; empty for an arm that asks none."""
    share: float
    """Share of valid answers."""
    evaluations: int
    spent: Usage
    ended_by: str | None
    """The limit on calls, tokens or cost that ended it, if any."""
    unpriced: frozenset[str]
    """Models without a known price."""
    paid: bool
    """Whether its model's calls may cost money."""
    unapplied: tuple[str, ...] = ()
    """Limits of its budget that count durations, which no dry run knows."""
    training: float | None = None
    """The most that its trainings may cost; None where the price of an hour is unknown."""
    run: str = ""
    """Digest of the settings of its run."""
    trainings: int = 0
    """The most trainings of its run, those after the search included."""
    limit_s: float = 0.0
    """The most seconds of one training."""
    generations: tuple[int, ...] = ()
    """Evaluations of each generation."""
    warnings: tuple[str, ...] = ()
    """Limits of its budget that a single answer may exceed, a sentence each."""


def changed_code(request: Request) -> str:
    """Return the code of a prompt with one line more, as an answer."""
    blocks = [b for b in _FENCED.findall(request.prompt) if request.segment in b]
    name = re.sub(r"\W", "_", request.step)
    return f"```python\n{blocks[-1] if blocks else ''}\n\n\n{name} = 1\n```"


class StubModel:
    """Stands in for an LLM.

    Args:
        name: Its name.
        answer: Returns the text of its answer.
    """

    def __init__(self, name: str, answer: StandIn) -> None:
        self._name, self._answer = name, answer

    def complete(self, request: Request, meter: Any = None) -> Completion:
        """Return an answer that is charged with the most tokens allowed."""
        del meter
        return Completion(
            text=self._answer(request),
            model=self._name,
            asked=self._name,
            date=today(),
            prompt_tokens=len(request.prompt.encode()) // BYTES_PER_TOKEN,
            completion_tokens=request.settings.max_tokens,
        )


class DryRunMeter:
    """A model of a dry run that charges every call against the budget."""

    def __init__(self, model: Model, ledger: Ledger) -> None:
        self._model, self._ledger = model, ledger
        self.unpriced: set[str] = set()

    def complete(self, request: Request) -> Completion:
        """Return the answer; raise BudgetSpent if the call does not fit into the budget."""
        completion = self._model.complete(request)
        price = self._ledger.price(completion.model)
        if price is None:
            self.unpriced.add(completion.model)
        prompt, answer = completion.prompt_tokens or 0, completion.completion_tokens or 0
        usage = Usage(
            calls=1,
            prompt_tokens=prompt,
            completion_tokens=answer,
            cost=cost_of(price, prompt, answer) if price else None,
        )
        limit = self._ledger.reserve(usage)
        if limit is not None:
            self._ledger.refuse(limit)
            raise BudgetSpent(limit)
        self._ledger.settle(usage, usage)
        self._ledger.answered(request.step, Effort(cost=usage.cost))
        return completion


class Outcomes:
    """Gates and trainings of a dry run: every so many networks are valid, scores are random.

    Args:
        seed: Seed of the run.
        share: Share of networks that the gates accept. They are spread evenly, since by chance far
            more of a few networks may be valid.
    """

    def __init__(self, *, seed: int, share: float) -> None:
        self._seed, self._share = seed, share
        self._accepted: dict[str, bool] = {}

    def gates(self, genome: Genome) -> Rejection | None:
        """Return the refusal of a genome, None where it is accepted; always the same of one."""
        before = len(self._accepted)
        accepts = int((before + 1) * self._share) > int(before * self._share)
        if self._accepted.setdefault(genome.digest, accepts):
            return None
        return Rejection(gate="build", kind="forward", reason="RuntimeError: imagined")

    def __call__(self, proposals: Sequence[Proposal]) -> list[Decided]:
        """Return the proposals, each with an outcome."""
        return [Decided(proposal=one, outcome=self._outcome(one)) for one in proposals]

    def gate(self, proposal: Proposal) -> Gated:
        """Accept everything: ``stages`` draws the refusals, too."""
        del proposal
        return Gated()

    def stages(self, proposal: Proposal, gated: Gated) -> Stages:
        """Return an outcome at once."""
        del gated
        yield from ()
        return Decided(proposal=proposal, outcome=self._outcome(proposal))

    def _outcome(self, proposal: Proposal) -> Outcome:
        child = proposal.child
        refusal = child if isinstance(child, Rejection) else self.gates(child)
        rng = stream(self._seed, "fate", proposal.step)
        return refusal or Evaluation(
            score=rng.random(), n_params=rng.randrange(1, 10**6), train_s=0.0
        )


class Generations:
    """A recorder that counts the evaluations of each generation."""

    def __init__(self) -> None:
        self.sizes: Counter[int] = Counter()

    def proposal(self, generation: int, proposal: Proposal, outcome: Outcome) -> None:
        """Count a child that was evaluated."""
        del proposal
        self.sizes[generation] += isinstance(outcome, Evaluation)

    def generation(self, number: int, population: Sequence[Individual]) -> None:
        """Do nothing."""


def dry_run(config: Config, network: Genome, *, share: float) -> DryRun:
    """Run one arm to its end without sending or training anything.

    Args:
        config: The arm.
        network: The seed network.
        share: Share of answers that pass the gates.
    """
    unapplied = tuple(n for n in ("train_s", "seconds") if getattr(config.budget, n) is not None)
    budget = replace(config.budget, train_s=None, seconds=None)
    ledger = Ledger(budget=budget, prices=config.prices)
    answer = getattr(strategy_class(config.proposer[TARGET]), "stand_in", None) or changed_code
    metered = DryRunMeter(_stub(config.model, answer), ledger)
    parts = {"model": metered} if "model" in config.proposer else {}
    outcomes = Outcomes(seed=config.seed, share=share)
    proposer = build(config.proposer, wording=wording_of(_kind(config.task)), **parts)
    seed = Evaluation(score=0.5, n_params=5 * 10**5, train_s=0.0)
    method = Method(
        proposer=proposer,
        selection=build(config.selection),
        sizes=config.sizes,
        rates=config.rates,
        ledger=ledger,
        seed=config.seed,
        llm_workers=1,
    )
    schedule, generations = build(config.schedule), Generations()
    schedule(
        Individual(step="seed", genome=network, evaluation=seed),
        method,
        gates=outcomes.gates,
        confirm=lambda individual: individual,
        assess=outcomes,
        record=generations,
    )
    return DryRun(
        arm=config.arm,
        seed=config.seed,
        model=_name_of(config.model) if parts else "",
        share=share,
        evaluations=ledger.evaluations,
        spent=ledger.spent,
        ended_by=ledger.refused_by,
        unpriced=frozenset(metered.unpriced),
        paid=asks_for_money(config.model),
        unapplied=unapplied,
        training=None
        if config.training_price is None
        else cost_of_training(config.training_price, ledger.evaluations * config.limits.train_s),
        run=digest_of([settings_of(config), network.digest]),
        trainings=most_trainings(config, ledger.evaluations if ledger.refused_by else None),
        limit_s=config.limits.train_s,
        generations=tuple(n for n in generations.sizes.values() if n),
        warnings=tuple(small_limits(config, proposer)) if parts else (),
    )


def small_limits(config: Config, proposer: object) -> Iterator[str]:
    """Yield a sentence on each limit of the budget that a single answer may exceed."""
    tokens = demand_of(proposer).tokens
    if tokens is None:
        return
    for name, least in limits_below_an_answer(config.budget, config.prices, tokens).items():
        yield (
            f"budget.{name}={getattr(config.budget, name):g} is less than one answer of "
            f"{tokens:,} tokens may take ({least:,.6g}), so no request for that many is sent. "
            f"Raise it, or lower proposer.max_tokens."
        )


def _kind(task: Any) -> str:
    """Return the kind of a task; a loader that does not declare it must load its data."""
    loader = strategy_class(task[TARGET])
    kind: str = getattr(loader, "kind", "") or build(task).load().kind
    return kind


def _name_of(node: Any) -> str:
    if "members" in node:
        return " + ".join(_name_of(member["model"]) for member in node["members"].values())
    return str(node.get("name") or node[TARGET].rsplit(".")[-1].lower())


def asks_for_money(node: Any) -> bool:
    """Return whether a model, or a member of an ensemble, may cost money."""
    if "members" in node:
        return any(asks_for_money(member["model"]) for member in node["members"].values())
    return is_paid(strategy_class(node[TARGET]))


def _stub(node: Any, answer: StandIn) -> Model:
    """Return a stub for the model of a configuration, or for each member of an ensemble."""
    if "members" in node:
        members = {
            name: Member(model=_stub(member["model"], answer), weight=member["weight"])
            for name, member in node["members"].items()
        }
        return Ensemble(members=members)
    return StubModel(_name_of(node), answer)
