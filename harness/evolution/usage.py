"""What calls to an LLM cost: numbers of calls, tokens, and money where the price is known."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.config.schema import Price

_PER_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What calls cost; a cost is None where a price is unknown."""

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
    """Return what these tokens cost."""
    return (price.prompt * prompt_tokens + price.completion * completion_tokens) / _PER_MILLION


def total(usages: Iterable[Usage | None]) -> Usage | None:
    """Add up what calls cost; None where that of one is unknown."""
    added = Usage()
    for usage in usages:
        if usage is None:
            return None
        added += usage
    return added
