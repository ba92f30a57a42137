"""What proposers share that ask an LLM once for each child, and show it what was measured."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeVar

from harness.baselines.llm_history import require_counts
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.call_sequence import CallSequence
from harness.llm.model import BudgetedModel, Settings
from harness.tasks.base import Wording

Calls = TypeVar("Calls", bound=CallSequence)


@dataclass(frozen=True, kw_only=True)
class SingleCall(ABC):
    """Asks an LLM for each child as a whole; a mate adds nothing to the prompt.

    Args:
        model: Answers the prompts, within the budget.
        wording: Words of the task.
        most_measured: The most measurements that a prompt shows, the seed network's aside.
        most_refused: The most refusals that a prompt shows.
        temperature: Of every call.
        top_p: Nucleus sampling of every call.
        max_tokens: Limit on the completion tokens of a call.
    """

    model: BudgetedModel
    wording: Wording
    most_measured: int
    most_refused: int
    temperature: float
    top_p: float
    max_tokens: int

    max_calls: ClassVar = 2
    """Of one child, if it is mated and mutated."""

    def __post_init__(self) -> None:
        """Raise InputError for settings that no request can have, and for negative counts."""
        require_counts(most_measured=self.most_measured, most_refused=self.most_refused)
        _ = self.settings

    @cached_property
    def settings(self) -> Settings:
        """Generation settings of every call."""
        return Settings(temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens)

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Ask for a child of one parent."""
        return self.ask("mutation", genome, context)

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Ask as for a mutation: nothing is merged."""
        del mate
        return self.ask("mating", genome, context)

    @abstractmethod
    def ask(
        self, operator: str, genome: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Ask for a child; the operator names the call."""

    def calls(self, kind: type[Calls], genome: Genome, context: Context, *, segment: str) -> Calls:
        """Return the calls for one child, of a class that reads the answers."""
        return kind(
            model=self.model,
            context=context,
            genome=genome,
            segment=segment,
            settings=lambda _: self.settings,
        )
