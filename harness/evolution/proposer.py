"""The protocol between the loop and a proposer, LLM or not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from harness.evolution.budget import Demand
from harness.evolution.candidate import Decided, Individual, Rejection, Variation
from harness.evolution.genome import Genome
from harness.seeding import stream

Gates = Callable[[Genome], Rejection | None]
"""All checks before training: returns the first refusal, or None for a genome worth training."""


Confirm = Callable[[Individual], Individual | None]
"""Confirms an individual that is to be shown as an example: returns it with the objectives that
re-training on extra seeds gave (unchanged where ``confirm.seeds`` is 0), or None where a
re-training failed."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a proposer may know besides the genome at hand."""

    step: str
    seed: int
    founding: bool
    """Whether the child is a founder: only the seed network has been evaluated so far."""
    reference: Individual
    """The seed network, evaluated."""
    elites: Sequence[Individual]
    parent: Individual | None = None
    """The child's first parent; the seed network for a founder."""
    history: Sequence[Decided] = ()
    """Every proposal of the earlier generations with its outcome, in order."""
    gates: Gates = field(default=lambda _: None, compare=False)
    """For a proposer that repairs refused code."""
    confirm: Confirm = field(default=lambda one: one, compare=False)
    """For a proposer that shows other individuals as examples."""

    @property
    def generation(self) -> int:
        """Number of the child's generation; that of the founders is 0."""
        return int(self.step[1:].partition(".")[0])

    @property
    def place(self) -> int:
        """Place of the child in its generation, from 0."""
        return int(self.step.rpartition(".c")[2])

    def rng(self, purpose: str) -> Random:
        """Return the random stream of one purpose within this step."""
        return stream(self.seed, self.step, purpose)


class Proposer(Protocol):
    """Varies genomes; never sees validation data, never evaluates.

    A class need not derive from this one, and may leave out the attributes: then their defaults
    apply.
    """

    labels: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Choices that the attribution counts: keys of ``Variation.detail``, and the column heading of
    each. Figures show the first two. A run's manifest records them. Default: none is counted."""
    packages: ClassVar[Sequence[str]] = ()
    """Packages whose version decides what it proposes: part of a run's identity, and required by a
    replay. Default: none but those of the harness."""
    max_calls: int | None = None
    """The most LLM calls for one child, reviews and repairs included; 0 for a proposer that asks
    none. Default: unknown."""
    max_tokens: int | None = None
    """The most completion tokens that one call asks for. Default: unknown.

    Near a limit on LLM calls, tokens or cost the order of calls decides which one is refused, so
    children then ask one after another. Where either attribute is unknown, they do so in the whole
    run if it has such a limit."""

    stand_in: ClassVar[Callable[[Any], str] | None] = None
    """Answers an ``llm.model.Request`` as an LLM might, for estimates. Default: with the code of
    the prompt and one line more."""

    @staticmethod
    def require(seed: Genome) -> None:
        """Raise InputError for a seed network that it cannot vary. Default: it can vary any.

        A proposer that asks no LLM may define it as a method that uses its own settings, too.
        """

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Change one segment; return a rejection where there is no code."""
        ...

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Bring the mate's version of one segment, at which the two differ, into the genome."""
        ...


def labels_of(proposer: object) -> Mapping[str, str]:
    """Return the labels that a proposer, or its class, declares."""
    labels: Mapping[str, str] = getattr(proposer, "labels", Proposer.labels)
    return labels


def demand_of(proposer: object) -> Demand:
    """Return the most that one child may ask of an LLM, as its proposer declares it."""
    return Demand(
        calls=getattr(proposer, "max_calls", Proposer.max_calls),
        tokens=getattr(proposer, "max_tokens", Proposer.max_tokens),
    )
