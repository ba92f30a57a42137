"""What a run would cost, before anything is spent: ``python -m harness.estimate [overrides]``.

Each arm is played through the real loop with its real prompts; answers are the code that was asked
about with one line more, as long as they may be, and fates are drawn by lot. Nothing is sent and
nothing is trained.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.config.compose import compose, compose_comparison
from harness.config.schema import Config
from harness.config.strategies import build
from harness.errors import BudgetSpent
from harness.evolution.budget import Ledger, Usage, cost_of
from harness.evolution.candidate import Evaluation, Individual, Outcome, Proposal, Rejection
from harness.evolution.genome import Genome, read_network
from harness.evolution.loop import evolve
from harness.llm.model import Completion, Ensemble, Model, Request, today
from harness.reporting.console import show_table
from harness.seeding import stream

HEADER = [
    "arm", "valid answers", "evaluations", "LLM calls", "prompt tokens", "completion tokens",
    "cost",
]  # fmt: skip
FREE = "–"
_BYTES_PER_TOKEN = 3
"""Assumed of prompts that are mostly Python code; the journal has what a server counted."""
_FENCED = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Played:
    """One arm as it was played."""

    arm: str
    seed: int
    model: str
    """Who is asked, by name; empty for an arm that asks nobody."""
    share: float
    evaluations: int
    spent: Usage
    ended_by: str | None
    """The limit on calls, tokens or cost that ended it."""
    unpriced: frozenset[str]
    """Models that were asked and have no price."""
    paid: bool
    """Whether its model sends requests to a server at all."""


class Imagined:
    """Stands in for one LLM: gives back what it is asked about, changed by a line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def complete(self, request: Request, meter: Any = None) -> Completion:
        """Answer as long as is allowed."""
        del meter
        blocks = [b for b in _FENCED.findall(request.prompt) if request.segment in b]
        name = re.sub(r"\W", "_", request.step)
        return Completion(
            text=f"```python\n{blocks[-1] if blocks else ''}\n\n\n{name} = 1\n```",
            model=self._name,
            asked=self._name,
            date=today(),
            prompt_tokens=len(request.prompt.encode()) // _BYTES_PER_TOKEN,
            completion_tokens=request.settings.max_tokens,
        )


class Purse:
    """Charges every call against the budget."""

    def __init__(self, model: Model, ledger: Ledger) -> None:
        self._model, self._ledger = model, ledger
        self.unpriced: set[str] = set()

    def complete(self, request: Request) -> Completion:
        """Answer, or raise BudgetSpent where the budget has no room."""
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
        return completion


class Nowhere:
    """A record that keeps nothing."""

    def proposal(self, generation: int, proposal: Proposal, outcome: Outcome) -> None:
        """Forget it."""

    def generation(self, number: int, population: Sequence[Individual]) -> None:
        """Forget it."""


def play(config: Config, network: Genome, *, share: float) -> Played:
    """Play one arm to its end, with this share of answers valid."""
    ledger = Ledger(budget=replace(config.budget, train_s=None), prices=config.prices)
    purse = Purse(_imagined(config.model), ledger)
    parts = {"model": purse} if "model" in config.proposer else {}

    def gates(genome: Genome) -> Rejection | None:
        if stream(config.seed, "valid", genome.digest).random() < share:
            return None
        return Rejection(gate="build", kind="forward", reason="RuntimeError: imagined")

    def outcome(proposal: Proposal) -> Outcome:
        child = proposal.child
        refusal = child if isinstance(child, Rejection) else gates(child)
        rng = stream(config.seed, "outcome", proposal.step)
        return refusal or Evaluation(
            score=rng.random(), n_params=rng.randrange(1, 10**6), train_s=0.0
        )

    seed = Evaluation(score=0.5, n_params=5 * 10**5, train_s=0.0)
    evolve(
        Individual(step="seed", genome=network, evaluation=seed),
        proposer=build(config.proposer, **parts),
        selection=build(config.selection),
        gates=gates,
        confirm=lambda individual: individual,
        assess=lambda proposals: [outcome(proposal) for proposal in proposals],
        sizes=config.sizes,
        rates=config.rates,
        ledger=ledger,
        record=Nowhere(),
        seed=config.seed,
        llm_workers=1,
    )
    return Played(
        arm=config.arm,
        seed=config.seed,
        model=_named(config.model) if parts else "",
        share=share,
        evaluations=ledger.evaluations,
        spent=ledger.spent,
        ended_by=ledger.refused_by,
        unpriced=frozenset(purse.unpriced),
        paid=_is_sent(config.model),
    )


def _named(node: Any) -> str:
    if "members" in node:
        return " + ".join(_named(member["model"]) for member in node["members"].values())
    return str(node.get("name") or node["_target_"].rsplit(".")[-1].lower())


def _is_sent(node: Any) -> bool:
    if "members" in node:
        return any(_is_sent(member["model"]) for member in node["members"].values())
    return str(node["_target_"]).startswith("harness.llm.openai_client.")


def _imagined(node: Any) -> Model:
    """Stand-ins for the model of a configuration, under the names that it asks for."""
    if "members" in node:
        members = {
            name: {"model": _imagined(member["model"]), "weight": member["weight"]}
            for name, member in node["members"].items()
        }
        return Ensemble(members=members)
    return Imagined(_named(node))


def estimate(overrides: Sequence[str]) -> list[Played]:
    """Play every arm that ``python -m harness`` would run with these overrides."""
    config = compose(overrides)
    network = read_network(Path(config.network.path))
    # As few valid answers as the limit on proposals allows for cost the most.
    few = config.budget.evaluations / max(config.budget.proposals, config.budget.evaluations)
    return [
        play(arm, network, share=share)
        for arm in compose_comparison(config, overrides)
        for share in ((1.0, few) if "model" in arm.proposer else (1.0,))
    ]


def _row(played: Played, *, sweep: bool) -> list[str]:
    spent = played.spent
    seed = f", seed {played.seed}" if sweep else ""
    model = f", {played.model}" if sweep and played.model else ""
    return [
        f"{played.arm}{seed}{model}",
        f"{played.share:.0%}" if spent.calls else "–",
        str(played.evaluations),
        str(spent.calls),
        f"{spent.prompt_tokens:,}",
        f"{spent.completion_tokens:,}",
        _cost(played),
    ]


def _cost(played: Played) -> str:
    if not played.spent.calls:
        return "0"
    if not played.paid:
        return FREE
    return UNKNOWN if played.spent.cost is None else f"{played.spent.cost:.4g}"


def _notes(all_played: Sequence[Played]) -> Iterator[str]:
    yield (
        f"An estimate: the loop was played with imagined answers, prompts at {_BYTES_PER_TOKEN} "
        f"bytes per token, every answer as long as its limit. Nothing was sent. What gets no "
        f"answer and is sent again comes on top; limits of the budget count it, too."
    )
    if any(played.spent.calls and not played.paid for played in all_played):
        yield f"{FREE}: this model sends nothing to a server that is paid."
    unpriced = {name for played in all_played if played.paid for name in played.unpriced}
    for name in sorted(unpriced):
        yield f"unknown: the price of {name}; fill in conf/prices/mine.yaml."
    for played in all_played:
        if played.ended_by:
            yield f"{played.arm}, {played.share:.0%} valid: ended by budget.{played.ended_by}."


def show_estimates(jobs: Sequence[Sequence[Played]], *, sweep: bool) -> None:
    """Print a table of all jobs; arms that several jobs share run once and stand there once."""
    all_played = list(dict.fromkeys(played for job in jobs for played in job))
    rows = [HEADER, *(_row(played, sweep=sweep) for played in all_played)]
    show_table(rows, title="What this would cost", notes=list(_notes(all_played)))
