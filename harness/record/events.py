"""The events of a run: what the journal holds, as typed values.

An event is stored under a key, such as ``proposal/g1.c2``: its kind, then its place within the run.
Its content is stored as JSON. Keys and contents are written and read in this module only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Self, cast

from harness.config.schema import Price
from harness.evolution.budget import Usage, cost_of
from harness.evolution.candidate import (
    Evaluation,
    Outcome,
    Rejection,
    Variation,
    content_of,
    outcome_of,
)
from harness.record.upgrade import upgraded

JOURNAL_FORMAT = 4
_UPGRADES: Mapping[int, Callable[[str, Mapping[str, Any]], Mapping[str, Any]]] = {
    3: upgraded,
    JOURNAL_FORMAT: lambda _, content: content,
}
READABLE_FORMATS = frozenset(_UPGRADES)
"""Formats of journals and archives that this version reads."""


class Event:
    """One fact of a run. Subclasses are frozen dataclasses, one for each kind of event."""

    KIND: ClassVar[str]
    """First part of the key."""
    PLACE: ClassVar[Mapping[str, Callable[[str], Any]]] = {}
    """Fields that make up the rest of the key, in order, with what parses each."""

    @classmethod
    def key_of(cls, *place: object) -> str:
        """Return the key of the event of this kind at a place."""
        return "/".join([cls.KIND, *map(str, place)])

    @property
    def key(self) -> str:
        """The key, unique within a run."""
        return self.key_of(*(getattr(self, name) for name in self.PLACE))

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values: by default all fields that are not in the key."""
        values = cast("Any", self)
        return {
            field.name: _plain(getattr(self, field.name))
            for field in fields(values)
            if field.name not in self.PLACE
        }

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """Build the event from the fields in its key and from its content."""
        return cls(**{**content, **place})


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

    arm: str
    seed: int
    comparison: str
    """Digest of the settings shared by all runs that may stand in one table."""
    variant: str
    """Digest of the arm's settings, its seed aside."""
    settings: Mapping[str, Any]
    """All settings that decide the outcome, as plain values; see ``config.identity``."""
    data: Data
    study: Mapping[str, str] | None
    """Model and date of the recorded study whose scores decide its course, None without one."""
    prompts: str
    """Digest of the prompt templates."""
    labels: Mapping[str, str]
    """Details of the proposer's variations that are counted, and the heading of each."""
    machine: Mapping[str, Any]
    packages: Mapping[str, str]
    """Versions by name of the package."""
    commit: str | None

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values."""
        known = dict(vars(self))
        data = vars(self.data)
        rest = {name: value for name, value in data.items() if name != "details"}
        return _plain_values(
            known | {"config": known.pop("settings"), "data": rest | dict(self.data.details)}
        )

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        known, details = dict(content), dict(content["data"])
        typed = {name: details.pop(name) for name in ("name", "digest", "kind", "chance")}
        known["settings"] = known.pop("config")
        return cls(**{**known, "data": Data(**typed, details=details)}, **place)


@dataclass(frozen=True, kw_only=True)
class ReferenceEvaluated(Event):
    """The seed network was evaluated."""

    KIND = "reference"

    digest: str
    source: str
    outcome: Outcome
    """The decision, from a recorded study where the run follows one."""
    measured: Outcome
    """The measurement on this machine."""

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        return cls(**{**content, **place, **_decision(content)})


@dataclass(frozen=True, kw_only=True)
class NetworkGated(Event):
    """A network went through the gates, up to the first that refused it."""

    KIND = "gates"
    PLACE: ClassVar = {"text": str}

    text: str
    """Digest of the exact source, comments included."""
    refusal: Rejection | None

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values: that of the refusal, empty where no gate refused."""
        return content_of(self.refusal) if self.refusal else {}

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        return cls(**place, refusal=Rejection(**content) if content else None)


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
    PLACE: ClassVar = {"purpose": Purpose.parse, "network": str, "seed": int}

    purpose: Purpose
    network: str
    """Digest of the network."""
    seed: int
    """Seed of the training."""
    outcome: Outcome

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values: that of the outcome."""
        return content_of(self.outcome)

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        return cls(**place, outcome=outcome_of(content))


@dataclass(frozen=True, kw_only=True)
class RequestSent(Event):
    """A request is about to be sent to an LLM; recorded before it is."""

    KIND = "sent"
    PLACE: ClassVar = {"step": str, "attempt": int}

    step: str
    """Step of the call, such as ``g1.c2.mating``."""
    attempt: int
    """Number of earlier sendings of the same request."""
    asked: str
    """Name of the model that is asked."""
    reserved: Usage
    """The most that it may cost."""

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        return cls(**{**content, **place, "reserved": Usage(**content["reserved"])})


@dataclass(frozen=True, kw_only=True)
class RequestFailed(Event):
    """A request got no answer; the fields are those of ``llm.model.Failure``."""

    KIND = "failed"
    PLACE: ClassVar = {"step": str, "attempt": int}

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
    PLACE: ClassVar = {"step": str}

    step: str
    limit: str
    """Name of the limit: ``calls``, ``tokens`` or ``cost``."""


@dataclass(frozen=True, kw_only=True)
class CallAnswered(Event):
    """An LLM answered: everything known of the call, enough to serve it again."""

    KIND = "call"
    PLACE: ClassVar = {"step": str}

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
        return _plain_values(vars(self))

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        price = content["price"]
        return cls(**{**content, **place, "price": Price(**price) if price else None})


@dataclass(frozen=True, kw_only=True)
class ScoreConfirmed(Event):
    """An individual was re-trained on fresh seeds, to confirm its score."""

    KIND = "confirmed"
    PLACE: ClassVar = {"step": str}

    step: str
    outcome: tuple[float, ...]
    """The scores that decide, one for each fresh seed; empty where a re-training failed."""
    measured: tuple[float, ...]
    """The scores measured on this machine."""

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values."""
        return {
            "outcome": {"scores": list(self.outcome)},
            "measured": {"scores": list(self.measured)},
        }

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        outcome, measured = (tuple(content[n]["scores"]) for n in ("outcome", "measured"))
        return cls(**place, outcome=outcome, measured=measured)


@dataclass(frozen=True, kw_only=True)
class ChildDecided(Event):
    """A child was proposed, and accepted or refused."""

    KIND = "proposal"
    PLACE: ClassVar = {"step": str}

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

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        variations = [
            Variation(**{**known, "calls": tuple(known["calls"])})
            for known in content["variations"]
        ]
        typed = {"parents": tuple(content["parents"]), "variations": tuple(variations)}
        return cls(**{**content, **place, **typed, **_decision(content)})


@dataclass(frozen=True, kw_only=True)
class GenerationEnded(Event):
    """A generation ended with the selection of a population."""

    KIND = "generation"
    PLACE: ClassVar = {"number": int}

    number: int
    population: tuple[str, ...]
    """Steps of the individuals selected, sorted."""

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        return cls(**place, population=tuple(content["population"]))


@dataclass(frozen=True, kw_only=True)
class NetworkRetrained(Event):
    """A network of the result was re-trained on a fresh seed and scored on the test split."""

    KIND = "final"
    PLACE: ClassVar = {"step": str, "k": int}

    step: str
    k: int
    """Number of the fresh seed, from 0."""
    outcome: Outcome

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values: that of the outcome."""
        return content_of(self.outcome)

    @classmethod
    def read(cls, place: Mapping[str, Any], content: Mapping[str, Any]) -> Self:
        """See ``Event.read``."""
        return cls(**place, outcome=outcome_of(content))


@dataclass(frozen=True, kw_only=True)
class RunCompleted(Event):
    """The run ended as planned. Its last event."""

    KIND = "complete"


_BY_KIND: Mapping[str, type[Event]] = {event.KIND: event for event in Event.__subclasses__()}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event as recorded."""

    event: Event
    at: float
    """When it was recorded, in seconds since 1970."""


def read_event(key: str, content: Mapping[str, Any], *, version: int = JOURNAL_FORMAT) -> Event:
    """Return the event that was stored under a key.

    Args:
        key: Its key.
        content: Its content, in the words of its format.
        version: That format, one of ``READABLE_FORMATS``.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: It is no event of that format.
    """
    kind, *place = key.split("/")
    event = _BY_KIND[kind]
    placed = {
        name: parse(part) for (name, parse), part in zip(event.PLACE.items(), place, strict=True)
    }
    return event.read(placed, _UPGRADES[version](key, content))


MALFORMED = (ValueError, TypeError, LookupError, AttributeError)
"""What ``read_event`` raises."""


def _decision(content: Mapping[str, Any]) -> dict[str, Outcome]:
    return {name: outcome_of(content[name]) for name in ("outcome", "measured")}


def _plain_values(known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in known.items()}


def _plain(value: Any) -> Any:
    """Turn a value of an event into JSON values."""
    if isinstance(value, Evaluation | Rejection):
        return content_of(value)
    if is_dataclass(value):
        return _plain_values(vars(value))
    if isinstance(value, Mapping):
        return _plain_values(value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
