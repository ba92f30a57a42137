"""The protocol between a run and its search: what proposes candidates until the budget is spent."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.evolution.candidate import Decided, Gated, Individual, Outcome, Proposal
from harness.evolution.proposer import Confirm, Gates


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


class Search(Protocol):
    """Searches for networks; ``loop.evolve`` is one, its strategies and budget bound to it."""

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
