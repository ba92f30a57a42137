"""The protocols between a run, its schedule and its search, and what an arm brings to them."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.config.schema import Rates, Sizes
from harness.evolution.budget import Ledger
from harness.evolution.candidate import Decided, Gated, Individual, Outcome, Proposal
from harness.evolution.proposer import Confirm, Gates, Proposer
from harness.evolution.selection import Selection


@dataclass(frozen=True, kw_only=True)
class Training:
    """A stage of an assessment: work for a thread of its own."""

    work: Callable[[], Outcome]
    duration: float
    """How long it takes by its FLOPs, in trainings of the seed network."""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A stage of an assessment: wait until another child is decided, which computes the same."""

    step: str


Stages = Generator[Training | Twin, Outcome | None, Decided]
"""An assessment that waits after each stage, and is sent the outcome of a training."""


class Assess(Protocol):
    """Gates and trains proposals."""

    def __call__(self, proposals: Sequence[Proposal]) -> Sequence[Decided]:
        """Return the proposals of a generation with their outcomes, in their order."""
        ...

    def gate(self, proposal: Proposal) -> Gated:
        """Return what the gates find; may be called from several threads."""
        ...

    def stages(self, proposal: Proposal, gated: Gated) -> Stages:
        """Return the assessment of one proposal; all are carried on in one thread."""
        ...


class Recorder(Protocol):
    """Records what happens in a search."""

    def proposal(self, generation: int, proposal: Proposal, outcome: Outcome) -> None:
        """Record one child and its outcome."""
        ...

    def generation(self, number: int, population: Sequence[Individual]) -> None:
        """Record the population after a generation."""
        ...


@dataclass(frozen=True, kw_only=True)
class Method:
    """What an arm brings to its search: how it varies and selects, and what it may spend."""

    proposer: Proposer
    selection: Selection
    sizes: Sizes
    rates: Rates
    ledger: Ledger
    """The budget, and what is spent of it."""
    seed: int
    llm_workers: int
    """How many children may ask an LLM at once."""


class Search(Protocol):
    """Searches for networks by the method that is bound to it; a bound ``Schedule`` is one."""

    def __call__(
        self,
        reference: Individual,
        *,
        gates: Gates,
        confirm: Confirm,
        assess: Assess,
        record: Recorder,
    ) -> None:
        """Search from the evaluated seed network until the budget is spent.

        Args:
            reference: The seed network.
            gates: For proposers that repair what the gates reject.
            confirm: For proposers that show evaluated networks as examples.
            assess: Returns proposals with their outcomes. An evaluation is charged to the budget.
            record: Records proposals and generations; a run's result is read from there.
        """
        ...


class Schedule(Protocol):
    """Decides when children are conceived and when their outcomes count."""

    def __call__(
        self,
        reference: Individual,
        method: Method,
        *,
        gates: Gates,
        confirm: Confirm,
        assess: Assess,
        record: Recorder,
    ) -> None:
        """Search by a method until its budget is spent; see ``Search``."""
        ...
