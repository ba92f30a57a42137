"""The protocol between the loop and whoever varies genomes, LLM or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from harness.evolution.candidate import Individual, Rejection, Variation
from harness.evolution.genome import Genome
from harness.seeding import stream

Gates = Callable[[Genome], Rejection | None]
"""What every proposal has to pass before it is trained: the first gate's refusal, or None."""


Confirm = Callable[[Individual], Individual | None]
"""Gives an individual the objectives that re-training on fresh seeds came to, where a run is to do
so before it is shown as an example; None where the re-training failed."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a proposer may know besides the genome at hand."""

    step: str
    seed: int
    founding: bool
    """The child is a founder: nothing has been evaluated yet but the seed network."""
    reference: Individual
    """The seed network, evaluated."""
    elites: Sequence[Individual]
    gates: Gates = field(default=lambda _: None, compare=False)
    """For a proposer that repairs what they refuse."""
    confirm: Confirm = field(default=lambda one: one, compare=False)
    """For a proposer that shows what others came to."""

    def rng(self, purpose: str) -> Random:
        """Return the stream of one purpose within this step."""
        return stream(self.seed, self.step, purpose)


class Proposer(Protocol):
    """Varies genomes; never sees validation data, never evaluates."""

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Change one segment; a rejection when no code came of it."""
        ...

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Bring the mate's version of one segment, at which the two differ, into the genome."""
        ...
