"""The protocol between a run and its search: what proposes candidates until the budget is spent."""

from collections.abc import Callable, Sequence
from typing import Protocol

from harness.evolution.candidate import Individual, Outcome, Proposal
from harness.evolution.proposer import Confirm, Gates

Assess = Callable[[Sequence[Proposal]], Sequence[Outcome]]
"""Gates and trains proposals together; the outcomes come back in the order of the proposals."""


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
            assess: Returns the outcomes of proposals. An evaluation is charged to the budget.
            record: Records proposals and generations; a run's result is read from there.
        """
        ...
