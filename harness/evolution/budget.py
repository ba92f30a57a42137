"""The budget of a run: usage of LLM calls, and the ledger that charges it against the limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from harness.config.schema import Budget, Price
from harness.errors import InputError
from harness.evolution.candidate import Decided

_PER_MILLION = 1_000_000
_HOUR_S = 3600
_ROUNDING = 1e-9
_PROMPT_OF_A_CALL = 16_384
"""Tokens assumed of a prompt: more than the bytes of the longest, with three segments of code."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Number, tokens and cost of calls; the cost is None where a price is unknown."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        costs = (self.cost, other.cost)
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        )

    def __mul__(self, times: int) -> "Usage":
        return Usage(
            calls=self.calls * times,
            prompt_tokens=self.prompt_tokens * times,
            completion_tokens=self.completion_tokens * times,
            cost=None if self.cost is None else self.cost * times,
        )

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


def cost_of(price: Price, prompt_tokens: int, completion_tokens: int) -> float:
    """Return the cost of these tokens."""
    return (price.prompt * prompt_tokens + price.completion * completion_tokens) / _PER_MILLION


def cost_of_training(price: float, seconds: float) -> float:
    """Return the cost of so many seconds of training, by the price of an hour."""
    return price * seconds / _HOUR_S


def total(usages: Iterable[Usage | None]) -> Usage | None:
    """Return the sum of usages; None if one of them is unknown."""
    added = Usage()
    for usage in usages:
        if usage is None:
            return None
        added += usage
    return added


def most_of_each(one: Usage, other: Usage) -> Usage:
    """Return the larger number of each kind; a cost is unknown if one of the two is."""
    costs = (one.cost, other.cost)
    return Usage(
        calls=max(one.calls, other.calls),
        prompt_tokens=max(one.prompt_tokens, other.prompt_tokens),
        completion_tokens=max(one.completion_tokens, other.completion_tokens),
        cost=None if None in costs else max(cost for cost in costs if cost is not None),
    )


@dataclass(frozen=True, kw_only=True)
class Demand:
    """The most that one child may ask of an LLM; None is unknown."""

    calls: int | None = None
    tokens: int | None = None
    """Completion tokens of one call."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a proposal or a call took, None where it is unknown.

    Attributes:
        seconds: Of training and of requests, as if one followed the other.
        cost: Of training and of requests.
    """

    seconds: float | None = 0.0
    cost: float | None = 0.0

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(
            seconds=_sum_of(self.seconds, other.seconds), cost=_sum_of(self.cost, other.cost)
        )


def effort_of_training(seconds: float | None, price: float | None) -> Effort:
    """Return what a training took.

    Args:
        seconds: Its duration, None where it is not recorded.
        price: Price of an hour of training, None where it is unknown.
    """
    known = seconds is not None and price is not None
    return Effort(
        seconds=seconds, cost=cost_of_training(price or 0, seconds or 0) if known else None
    )


def _sum_of(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def limits_below_an_answer(
    budget: Budget, prices: Mapping[str, Price], tokens: int
) -> dict[str, float]:
    """Return the limits of a budget that one answer of so many tokens exceeds, and what it takes.

    Args:
        budget: The budget.
        prices: By the name by which a model is asked; the cheapest counts.
        tokens: The most completion tokens of one call.
    """
    cost = min((cost_of(price, 0, tokens) for price in prices.values()), default=0.0)
    least = {"tokens": tokens, "completion_tokens": tokens, "cost": cost}
    limits = {name: getattr(budget, name) for name in least}
    return {n: least[n] for n, limit in limits.items() if limit is not None and limit < least[n]}


@dataclass(kw_only=True)
class Ledger:
    """Charges proposals and calls against a budget, and reserves what each may cost at most.

    Proposals are charged in their order, each with its training and its calls, so that workers,
    interruptions and replays do not decide when a limit is reached.
    """

    budget: Budget
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By the name by which a model is asked."""
    training_price: float | None = None
    """Of an hour of training; None charges no training to the cost, as older runs did."""
    proposals: int = 0
    evaluations: int = 0
    train_s: float = 0.0
    effort: Effort = field(default_factory=Effort)
    """Of the proposals charged so far."""
    spent: Usage = field(default_factory=Usage)
    """Settled calls; a call whose answer was lost counts with its whole reservation."""
    refused_by: str | None = None
    """The limit that a call did not fit into; the run ends after that generation."""
    admitted: int = 0
    """Proposals not yet charged: each reserves one proposal and one evaluation."""
    _reserved: Usage = field(default_factory=Usage)
    _calls: dict[str, Effort] = field(default_factory=dict)
    """By step of the call."""
    _mutex: Any = field(default_factory=Lock, repr=False)

    def admit(self) -> bool:
        """Reserve one proposal and one evaluation; return whether the budget has room for them.

        Evaluations and proposals are never overspent. Durations are unknown beforehand: they are
        charged after a generation and may exceed their limit by one generation.
        """
        budget = self.budget
        limits = (
            (budget.proposals, self.proposals + self.admitted),
            (budget.evaluations, self.evaluations + self.admitted),
            (budget.train_s, self.train_s),
            (budget.seconds, self.effort.seconds or 0),
            (budget.cost, self.effort.cost or 0),
        )
        room = all(limit is None or amount < limit for limit, amount in limits)
        room = room and self.refused_by is None
        self.admitted += room
        return room

    def generations_spent(self, generation: int) -> bool:
        """Return whether this generation is beyond the budget; founders are generation 0."""
        return self.budget.generations is not None and generation > self.budget.generations

    def charge(self, decided: Decided) -> None:
        """Charge one proposal with its outcome; a failed training counts as an evaluation.

        Raises:
            InputError: A limit counts what is not known of the proposal.
        """
        self.admitted -= 1
        self.proposals += 1
        self.evaluations += decided.charged
        seconds = decided.charged_s
        self.train_s += seconds or 0
        price = 0.0 if self.training_price is None else self.training_price
        self.effort += effort_of_training(seconds, price)
        for variation in decided.proposal.variations:
            for step in variation.calls:
                self.effort += self._calls.get(step, Effort(seconds=None, cost=None))
        for limit in ("seconds", "cost"):
            if getattr(self.budget, limit) is not None and getattr(self.effort, limit) is None:
                raise InputError(
                    f"budget.{limit}: expected the {limit} of every training and answer, those of "
                    f"{decided.proposal.step} are not all known. Limit budget.evaluations instead."
                )

    def answered(self, step: str, effort: Effort) -> None:
        """Note what a call took; it is charged with its proposal."""
        self._calls[step] = effort

    def price(self, asked: str) -> Price | None:
        """Return a model's price; InputError if cost is limited and the price unknown."""
        price = self.prices.get(asked)
        if price is None and self.budget.cost is not None:
            raise InputError(
                f"budget.cost: expected the price of {asked}, which conf/prices does not know "
                f"(prices known: {', '.join(self.prices) or 'none'}). Name a file that has it, "
                f"prices=FILE.yaml, or limit budget.tokens or budget.llm_calls instead."
            )
        return price

    def reserve(self, worst: Usage) -> str | None:
        """Reserve the most that a call may cost; return the limit if it does not fit into one."""
        with self._mutex:
            limit = self._first_beyond(self.spent + self._reserved + worst)
            if limit is None:
                self._reserved += worst
            return limit

    def hold(self, worst: Usage) -> None:
        """Take over the reservation of an earlier process, whether or not it fits."""
        with self._mutex:
            self._reserved += worst

    def settle(self, worst: Usage, actual: Usage) -> None:
        """Replace the reservation of a call by its actual cost."""
        with self._mutex:
            self._reserved += worst * -1
            self.spent += actual

    def refuse(self, limit: str) -> None:
        """Record that a call did not fit into this limit."""
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
        training = cost_of_training(self.training_price or 0, self.train_s)
        return (
            ("llm_calls", budget.llm_calls, usage.calls),
            ("prompt_tokens", budget.prompt_tokens, usage.prompt_tokens),
            ("completion_tokens", budget.completion_tokens, usage.completion_tokens),
            ("tokens", budget.tokens, usage.tokens),
            ("cost", budget.cost, _sum_of(usage.cost, training)),
        )

    def _first_beyond(self, usage: Usage) -> str | None:
        for name, limit, amount in self._limits(usage):
            if limit is not None and amount is not None and amount > limit + _ROUNDING:
                return name
        return None
