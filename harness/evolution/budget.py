"""What a run may spend, and what it has spent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from harness.config.schema import Budget, Price
from harness.errors import InputError
from harness.evolution.candidate import CHARGED, Evaluation, Outcome
from harness.evolution.usage import Usage, cost_of

_ROUNDING = 1e-9
_PROMPT_OF_A_CALL = 16_384
"""Reserved bytes that prompts stay below in practice; their longest is three segments of code."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """The most that one child may ask of an LLM; None is unknown."""

    calls: int | None = None
    tokens: int | None = None
    """Completion tokens of one call."""


@dataclass(kw_only=True)
class Ledger:
    """Counts against a budget; asked before each proposal and each call, charged with the truth."""

    budget: Budget
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By the name under which a model is asked."""
    proposals: int = 0
    evaluations: int = 0
    train_s: float = 0.0
    spent: Usage = field(default_factory=Usage)
    """Calls that are settled, and in full those whose answer was lost."""
    refused_by: str | None = None
    """The limit that a call did not fit under; after its generation the run ends."""
    admitted: int = 0
    """Proposals under way: each holds one proposal and one evaluation until it is charged."""
    _reserved: Usage = field(default_factory=Usage)
    _mutex: Any = field(default_factory=Lock, repr=False)

    def admit(self) -> bool:
        """Reserve what one proposal may cost, or say that the budget has no room for it.

        Evaluations and proposals are never overspent; training time, unknown beforehand, is known
        after a generation and ends the run then.
        """
        budget = self.budget
        limits = (
            (budget.proposals, self.proposals + self.admitted),
            (budget.evaluations, self.evaluations + self.admitted),
            (budget.train_s, self.train_s),
        )
        room = all(limit is None or amount < limit for limit, amount in limits)
        room = room and self.refused_by is None
        self.admitted += room
        return room

    def generations_spent(self, generation: int) -> bool:
        """Say whether this generation lies beyond the budget; founders are generation 0."""
        return self.budget.generations is not None and generation > self.budget.generations

    def charge(self, outcome: Outcome) -> None:
        """Add what one proposal and its fate cost; a training that failed costs as well."""
        self.admitted -= 1
        self.proposals += 1
        self.train_s += outcome.train_s or 0
        if isinstance(outcome, Evaluation) or outcome.gate in CHARGED:
            self.evaluations += 1

    def price(self, asked: str) -> Price | None:
        """Return a model's price; InputError where cost is limited and the price unknown."""
        price = self.prices.get(asked)
        if price is None and self.budget.cost is not None:
            raise InputError(
                f"budget.cost: expected the price of {asked}, which conf/prices does not know "
                f"(prices known: {', '.join(self.prices) or 'none'}). Fill it in, or limit "
                f"budget.tokens or budget.llm_calls instead."
            )
        return price

    def reserve(self, worst: Usage) -> str | None:
        """Hold what a call may cost at most; where it does not fit, return the limit."""
        with self._mutex:
            limit = self._first_beyond(self.spent + self._reserved + worst)
            if limit is None:
                self._reserved += worst
            return limit

    def hold(self, worst: Usage) -> None:
        """Hold what an earlier process reserved, which asks for no room."""
        with self._mutex:
            self._reserved += worst

    def settle(self, worst: Usage, actual: Usage) -> None:
        """Exchange what was held for a call for what it cost."""
        with self._mutex:
            self._reserved += worst * -1
            self.spent += actual

    def refuse(self, limit: str) -> None:
        """Remember that a call did not fit."""
        self.refused_by = self.refused_by or limit

    def side_by_side(self, children: int, workers: int, demand: Demand) -> int:
        """Return how many children may ask an LLM at once: all workers, or one near a limit.

        Which call is refused must not depend on threads, so children that might reach a limit
        together ask one after another.

        Args:
            children: How many will ask.
            workers: How many may ask at once far from any limit.
            demand: The most that each of them may ask; if unknown, any limit counts as near.
        """
        limited = any(limit is not None for _, limit, _ in self._limits(self.spent))
        if not limited or demand.calls == 0:
            return workers
        if demand.calls is None or demand.tokens is None:
            return 1
        costs = (cost_of(p, _PROMPT_OF_A_CALL, demand.tokens) for p in self.prices.values())
        call = Usage(
            calls=1,
            prompt_tokens=_PROMPT_OF_A_CALL,
            completion_tokens=demand.tokens,
            cost=max(costs, default=0),
        )
        beyond = self._first_beyond(self.spent + call * (demand.calls * children))
        return workers if beyond is None else 1

    def _limits(self, usage: Usage) -> tuple[tuple[str, float | None, float | None], ...]:
        budget = self.budget
        return (
            ("llm_calls", budget.llm_calls, usage.calls),
            ("prompt_tokens", budget.prompt_tokens, usage.prompt_tokens),
            ("completion_tokens", budget.completion_tokens, usage.completion_tokens),
            ("tokens", budget.tokens, usage.tokens),
            ("cost", budget.cost, usage.cost),
        )

    def _first_beyond(self, usage: Usage) -> str | None:
        for name, limit, amount in self._limits(usage):
            if limit is not None and amount is not None and amount > limit + _ROUNDING:
                return name
        return None
