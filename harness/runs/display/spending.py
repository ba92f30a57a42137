"""What a run has spent so far, from its events, and the limit of its budget that is nearest."""

from dataclasses import dataclass, field

from harness.config.schema import Budget
from harness.evolution.budget import Usage, cost_of_training
from harness.evolution.candidate import charged_seconds, is_charged
from harness.llm.model import PERHAPS_BILLED
from harness.record.event import Event
from harness.record.events import (
    CallAnswered,
    CallRefused,
    ChildDecided,
    GenerationEnded,
    RequestFailed,
    RequestSent,
)
from harness.text import counted


@dataclass(kw_only=True)
class Spending:
    """Adds up events of one run.

    Attributes:
        budget: Its budget.
        training_price: Price of an hour of training, None where it is unknown.
        is_paid: Whether its calls may cost money.
        in_flight: Steps of the calls that this process has sent and that are not answered.
    """

    budget: Budget
    training_price: float | None = None
    is_paid: bool = True
    in_flight: set[str] = field(default_factory=set)
    evaluations: int = 0
    _full: str = ""
    """The limit that had no room for a call, which ends the search after the generation."""
    proposals: int = 0
    _generations: int = 0
    _train_s: float = 0.0
    _answers: int = 0
    _unknown: int = 0
    """Answers of unknown usage."""
    _answered: Usage = field(default_factory=Usage)
    """Of the answers whose usage is known."""
    _seconds: float = 0.0
    """Of the answers, as far as known."""
    _charged: Usage = field(default_factory=Usage)
    """As the ledger charges: a call of unknown usage, or without an answer, as it was reserved."""
    _reserved: dict[str, Usage] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Add an event."""
        match event:
            case RequestSent():
                self._charged += self._reserved.pop(event.step, Usage())  # a process died
                self._reserved[event.step] = event.reserved
                self.in_flight.add(event.step)
            case RequestFailed():
                held = self._reserved.pop(event.step, Usage())
                self._charged += held if event.kind in PERHAPS_BILLED else Usage()
                self.in_flight.discard(event.step)
            case CallAnswered():
                held = self._reserved.pop(event.step, Usage(calls=1))
                self._charged += event.usage or held
                self._answers += 1
                self._unknown += event.usage is None
                self._answered += event.usage or Usage()
                self._seconds += event.latency_s or 0
                self.in_flight.discard(event.step)
            case CallRefused():
                self._full = self._full or event.limit
            case ChildDecided():
                self.proposals += 1
                self.evaluations += is_charged(event.outcome, event.measured)
                self._train_s += charged_seconds(event.outcome, event.measured) or 0.0
            case GenerationEnded():
                self._generations = event.number

    @property
    def calls(self) -> str:
        """Calls, tokens and cost in words; empty where no call was sent."""
        if not (self._answers or self.in_flight):
            return ""
        flying = f" ({len(self.in_flight)} in flight)" if self.in_flight else ""
        parts = [counted(self._answers, "call") + flying, *self._tokens()]
        return ", ".join([*parts, self._cost()] if self.is_paid else parts)

    @property
    def nearest(self) -> str:
        """The limit of which the largest share is spent, and that share, or that it is full."""
        if self._full:
            return f"budget.{self._full}, it has no room for another call"
        amounts = {
            "evaluations": self.evaluations,
            "proposals": self.proposals,
            "generations": self._generations,
            "llm_calls": self._charged.calls,
            "prompt_tokens": self._charged.prompt_tokens,
            "completion_tokens": self._charged.completion_tokens,
            "tokens": self._charged.tokens,
            "cost": self._charged_cost,
            "train_s": self._train_s,
            "seconds": self._train_s + self._seconds,
        }
        limits = {name: getattr(self.budget, name) for name in amounts}
        shares = {
            name: amount / limits[name] if limits[name] else 1.0
            for name, amount in amounts.items()
            if limits[name] is not None and amount is not None
        }
        name = max(shares, key=lambda name: shares[name])
        return (
            f"budget.{name} {min(shares[name], 1):.0%}, "
            f"{_number(amounts[name])} of {_number(limits[name])}"
        )

    @property
    def _charged_cost(self) -> float | None:
        if self._charged.cost is None:
            return None
        return self._charged.cost + cost_of_training(self.training_price or 0.0, self._train_s)

    def _tokens(self) -> list[str]:
        if self._answers and self._answers == self._unknown:
            return ["tokens unknown"]
        total = self._answered
        tokens = [f"{total.prompt_tokens:,} tokens in", f"{total.completion_tokens:,} out"]
        if self._unknown:
            tokens.append(f"unknown of {counted(self._unknown, 'call')}")
        return tokens

    def _cost(self) -> str:
        """Return the cost of all answers, or that it is not known of each."""
        if self._unknown or self._answered.cost is None:
            return "cost unknown"
        return f"cost {self._answered.cost:.4g}"


def _number(amount: float | None) -> str:
    return f"{amount:,.4g}" if isinstance(amount, float) else f"{amount:,}"
