"""The events of a run, which its journal holds, as typed values.

An event is stored as JSON under a key: its kind, then its place in the run (``proposal/g1.c2``).
Only this module knows keys and contents; others use the fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from harness.config.schema import Price
from harness.evolution.budget import Usage, cost_of
from harness.evolution.candidate import Gated, Outcome, Variation, gated_of, outcome_of
from harness.record.circumstances import CodeChanged
from harness.record.event import Event
from harness.record.upgrade import JOURNAL_FORMAT, upgrade

MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)  # of read_event


@dataclass(frozen=True, kw_only=True)
class Data:
    """The data that a run was searched on."""

    name: str
    digest: str
    kind: str
    """Kind of task: ``image_classification``."""
    chance: float
    """Score of a network that guesses."""
    details: Mapping[str, Any]
    """What else the task records of them, such as ``n_train``."""


@dataclass(frozen=True, kw_only=True)
class Manifest(Event):
    """How a run was set up. Its first event."""

    KIND = "manifest"
    ADDED = ("code", "hashes", "training_price")

    arm: str
    seed: int
    comparison: str
    """Digest of the settings shared by all runs that may stand in one table."""
    variant: str
    """Digest of the arm's settings, its seed aside."""
    settings: Mapping[str, Any]
    """All settings that decide the outcome, as plain values: ``config.identity``."""
    data: Data
    study: Mapping[str, str] | None
    """Model (empty if it asked none) and date of the record whose decisions set its course."""
    prompts: str
    """Digest of the prompt templates."""
    labels: Mapping[str, str]
    """Details of the proposer's variations that are counted, and the heading of each."""
    machine: Mapping[str, Any]
    packages: Mapping[str, str]
    """Versions by name of the package."""
    commit: str | None
    score_only: bool = False
    """Whether the arm selects by score alone, ignoring the number of parameters."""
    code: Mapping[str, str] = field(default_factory=dict)
    """Digest of each file that decides the run, see ``record.code``; earlier records have none."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of ``data``, ``network`` and ``study``, whose shorter digests ``settings`` have."""
    training_price: float | None = None
    """Price of an hour of training; earlier records have it in ``settings``, if at all."""

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values."""
        stored = super().content
        details = stored["data"].pop("details")
        return stored | {"config": stored.pop("settings"), "data": stored["data"] | details}

    @classmethod
    def parse(cls, place: Sequence[str], content: Mapping[str, Any]) -> Self:
        """Build the manifest from its content."""
        values, details = dict(content), dict(content["data"])
        data = {name: details.pop(name) for name in ("name", "digest", "kind", "chance")}
        values |= {"settings": values.pop("config"), "data": Data(**data, details=details)}
        return super().parse(place, values)


@dataclass(frozen=True, kw_only=True)
class ReferenceEvaluated(Event):
    """The seed network was evaluated."""

    KIND = "reference"
    PARSE: ClassVar = {"outcome": outcome_of, "measured": outcome_of}

    digest: str
    source: str
    outcome: Outcome
    """The decision, from a recorded study where the run follows one."""
    measured: Outcome
    """The measurement on this machine."""


@dataclass(frozen=True, kw_only=True)
class NetworkGated(Event):
    """A network went through the gates, up to the first that refused it."""

    KIND = "gates"
    PLACE = ("text",)
    SHORTER: ClassVar = {"text": 12}
    WHOLE = "found"
    PARSE: ClassVar = {"found": gated_of}

    text: str
    """SHA-256 of the exact source, comments included."""
    found: Gated


@dataclass(frozen=True)
class Purpose:
    """The purpose of a training: ``search``, ``confirm`` or ``final``."""

    name: str
    epochs: int | None = None
    """Number of epochs, None for the recipe's."""

    @classmethod
    def parse(cls, text: str) -> "Purpose":
        """Parse ``search`` or, for three epochs, ``search-3``."""
        name, _, epochs = text.partition("-")
        return cls(name, int(epochs) if epochs else None)

    def __str__(self) -> str:
        return self.name if self.epochs is None else f"{self.name}-{self.epochs}"


@dataclass(frozen=True, kw_only=True)
class NetworkTrained(Event):
    """A network was trained and scored, or failed to be."""

    KIND = "training"
    PLACE = ("purpose", "network", "seed")
    SHORTER: ClassVar = {"network": 16}
    WHOLE = "outcome"
    PARSE: ClassVar = {"purpose": Purpose.parse, "seed": int, "outcome": outcome_of}

    purpose: Purpose
    network: str
    """SHA-256 of the network's syntax tree."""
    seed: int
    """Seed of the training."""
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class RequestSent(Event):
    """A request is about to be sent to an LLM; recorded before it is."""

    KIND = "sent"
    PLACE = ("step", "attempt")
    PARSE: ClassVar = {"attempt": int, "reserved": lambda stored: Usage(**stored)}

    step: str
    """Step of the call, such as ``g1.c2.mating``."""
    attempt: int
    """Number of earlier sendings of the same request."""
    asked: str
    """Name of the model that is asked."""
    reserved: Usage
    """The most that it may cost."""


@dataclass(frozen=True, kw_only=True)
class RequestFailed(Event):
    """A request got no answer; the fields are those of ``llm.model.Failure``."""

    KIND = "failed"
    PLACE = ("step", "attempt")
    PARSE: ClassVar = {"attempt": int}

    step: str
    attempt: int
    kind: str
    told: str
    latency_s: float
    retry_after_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class CallRefused(Event):
    """A call was not made, for a limit of the budget had no room for it."""

    KIND = "refused"
    PLACE = ("step",)
    ADDED = ("reserved",)
    PARSE: ClassVar = {"reserved": lambda stored: Usage(**stored)}

    step: str
    limit: str
    """Name of the limit, a setting of ``budget``."""
    reserved: Usage | None = None
    """The most that it may have cost; earlier records do not say."""


@dataclass(frozen=True, kw_only=True)
class CallAnswered(Event):
    """An LLM answered: everything known of the call, enough to serve it again."""

    KIND = "call"
    PLACE = ("step",)
    PARSE: ClassVar = {"price": lambda stored: Price(**stored) if stored else None}

    step: str
    segment: str
    prompt: str
    requested: Mapping[str, Any]
    """Generation settings that were asked for."""
    answer: str
    model: str
    """Name that the server gives itself, or of the person or program that answered."""
    date: str
    asked: str | None
    """Name by which the model was asked for, where that can be another."""
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_s: float | None
    headers: Mapping[str, str]
    applied: Mapping[str, Any] | None
    """Generation settings that the model reports to have applied."""
    price: Price | None

    @property
    def usage(self) -> Usage | None:
        """What the call cost, None where its tokens are unknown."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        counts = self.prompt_tokens, self.completion_tokens
        return Usage(
            calls=1,
            prompt_tokens=counts[0],
            completion_tokens=counts[1],
            cost=cost_of(self.price, *counts) if self.price else None,
        )

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values; it repeats the step."""
        return {**super().content, "step": self.step}


@dataclass(frozen=True, kw_only=True)
class ScoreConfirmed(Event):
    """An individual was re-trained on fresh seeds, to confirm its score."""

    KIND = "confirmed"
    PLACE = ("step",)
    PARSE: ClassVar = {
        name: lambda stored: tuple(stored["scores"]) for name in ("outcome", "measured")
    }

    step: str
    outcome: tuple[float, ...]
    """The scores that decide, one for each fresh seed; empty where a re-training failed."""
    measured: tuple[float, ...]
    """The scores measured on this machine."""

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values."""
        return {name: {"scores": scores} for name, scores in super().content.items()}


@dataclass(frozen=True, kw_only=True)
class ChildDecided(Event):
    """A child was proposed, and accepted or refused."""

    KIND = "proposal"
    PLACE = ("step",)
    PARSE: ClassVar = {
        "parents": tuple,
        "variations": lambda stored: tuple(
            Variation(**{**one, "calls": tuple(one["calls"])}) for one in stored
        ),
        "outcome": outcome_of,
        "measured": outcome_of,
    }

    step: str
    generation: int
    parents: tuple[str, ...]
    variations: tuple[Variation, ...]
    digest: str | None
    """Digest of its network, None where no network came."""
    source: str | None
    outcome: Outcome
    """The decision, from a recorded study where the run follows one."""
    measured: Outcome
    """The measurement on this machine."""


@dataclass(frozen=True, kw_only=True)
class GenerationEnded(Event):
    """A generation ended with the selection of a population."""

    KIND = "generation"
    PLACE = ("number",)
    PARSE: ClassVar = {"number": int, "population": tuple}

    number: int
    population: tuple[str, ...]
    """Steps of the individuals selected, sorted."""


@dataclass(frozen=True, kw_only=True)
class NetworkRetrained(Event):
    """A network of the result was re-trained on a fresh seed and scored on the test split."""

    KIND = "final"
    PLACE = ("step", "k")
    WHOLE = "outcome"
    PARSE: ClassVar = {"k": int, "outcome": outcome_of}

    step: str
    k: int
    """Number of the fresh seed, from 0."""
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class RunCompleted(Event):
    """The run ended as planned. Its last event."""

    KIND = "complete"


_EVENTS: tuple[type[Event], ...] = (*Event.__subclasses__(), CodeChanged)
_BY_KIND = {event.KIND: event for event in _EVENTS}


def read_event(key: str, content: Mapping[str, Any], *, version: int = JOURNAL_FORMAT) -> Event:
    """Return the event that was stored under a key.

    Args:
        key: Its key.
        content: Its content, in the words of its format.
        version: That format, one of ``READABLE_FORMATS``.

    Raises:
        ValueError, TypeError, LookupError, AttributeError, ArithmeticError: It is no such event.
    """
    kind, *place = key.split("/")
    return _BY_KIND[kind].parse(place, upgrade(key, content, version=version))
