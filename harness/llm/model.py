"""Models as the harness sees them: requests, completions, failures, and the protocol.

A model is an object with ``complete``; several threads may call it. The journal keeps what it
returns verbatim, and a recorded study serves it again to exactly the same prompt.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Protocol, TypedDict

from harness.config.schema import Price
from harness.errors import InputError
from harness.record.database import MOST_OF_AN_ANSWER
from harness.record.events import CallAnswered
from harness.record.values import LONGEST_NAME
from harness.secrets import beginning_without_secrets, without_secrets
from harness.seeding import stream
from harness.text import each_text, reason_of


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Generation settings of a request; a completion says which of them were applied."""

    temperature: float
    top_p: float
    max_tokens: int

    def __post_init__(self) -> None:
        """Raise InputError for a value that no request can have."""
        for name, most in _MOST.items():
            least = int(name == "max_tokens")
            if not least <= getattr(self, name) <= most:
                raise InputError(
                    f"proposer.{name}: expected numbers from {least} to {most:,}, got "
                    f"{getattr(self, name)}."
                )


_MOST: Mapping[str, int] = {"temperature": 100, "top_p": 1, "max_tokens": 10_000_000}
"""Greatest values of ``Settings``."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One prompt of one step, such as ``g1.c2.mating``: generation 1, child 2, its mating."""

    step: str
    segment: str
    prompt: str
    settings: Settings
    seed: int
    """Seed of the run, for draws that belong to this call."""

    @property
    def prompt_digest(self) -> str:
        """Hash of the prompt."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()[:16]

    def rng(self, purpose: str) -> Random:
        """Return the stream of one purpose within this call."""
        return stream(self.seed, self.step, purpose)


@dataclass(frozen=True, kw_only=True)
class Completion:
    """An answer with its metadata; what is unknown is None, never zero."""

    text: str
    model: str
    """Name that the server reports, or name of the person or program that answers."""
    date: str
    asked: str | None = None
    """Name in the request, where it may differ from ``model``."""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    """From the request to the end of the answer. Without the time in which a prompt in a file
    waits for somebody to answer it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the reply by which the server can identify the call."""
    applied: Mapping[str, Any] | None = None
    """Settings that were applied, as far as the model reports them."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request with its completion."""

    request: Request
    completion: Completion


REFUSED = "refused: "
"""Beginning of the finish reason of a prompt that a server refused with an error status."""
FAILURES = {
    "unreachable": "no connection, so nothing was sent",
    "refused": "the request is invalid, so it is not retried",
    "timeout": "no complete answer within the deadline of the server (status 408, 504) or ours",
    "cut": "the connection ended within the answer",
    "server": "the server failed (status 409, 5xx)",
    "rate": "too many requests (status 429)",
    "quota": "the account has no credit left",
    "key": "the key is refused (status 401, 403)",
    "malformed": "a reply that is no chat completion",
    "empty": "a completion without text",
}
"""Why a request got no answer: every kind, and what it means."""
PERHAPS_BILLED = frozenset({"timeout", "cut", "malformed", "empty"})
"""Kinds after which the server may have done the work; such requests count as spent."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A request that was sent and got no answer: a value, not an exception."""

    kind: str
    """One of ``FAILURES``."""
    told: str
    """Message of the server or the connection: one line, without secrets."""
    latency_s: float
    retry_after_s: float | None = None
    """How long the server asks to wait, in seconds."""

    @property
    def perhaps_billed(self) -> bool:
        """Whether the server may have done the work; then the request counts as spent."""
        return self.kind in PERHAPS_BILLED


class Meter(Protocol):
    """Counts how often one request is sent. A model calls it each time."""

    @property
    def pending(self) -> bool:
        """Whether an earlier process sent the request and no answer has come yet."""
        ...

    @property
    def counts_seconds(self) -> bool:
        """Whether the budget counts the seconds of each answer."""
        ...

    def sending(self, *, asked: str) -> None:
        """Count the request before it is sent.

        Args:
            asked: Name of the model that is asked.

        Raises:
            BudgetSpent: The request does not fit into the budget, so it must not be sent.
        """
        ...

    def failed(self, failure: Failure) -> None:
        """Count that the request sent last got no answer."""
        ...


class Unmetered:
    """A meter that counts nothing, for a model that is asked outside a run."""

    pending = counts_seconds = False

    def sending(self, *, asked: str) -> None:
        """Do nothing."""

    def failed(self, failure: Failure) -> None:
        """Do nothing."""


UNMETERED = Unmetered()


class BudgetedModel(Protocol):
    """A model within a run, as a proposer sees it: metered, and its answers are recorded."""

    def complete(self, request: Request) -> Completion:
        """Answer one prompt; raise BudgetSpent if the call does not fit into the budget."""
        ...


class Model(Protocol):
    """A large language model, or a stand-in for one.

    A class may say by a class attribute ``is_paid`` whether its calls may cost money; without it
    they may. A model may say by an attribute ``is_timed`` whether it knows the seconds of all its
    answers, which ``budget.seconds`` needs; without it, it does. A model that something outside
    this process answers has a method ``preflight``, which tries whether that can be asked, and
    raises InputError or MachineError where it cannot.
    """

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Answer one prompt.

        Args:
            request: The prompt and its settings.
            meter: To be called each time before the request is sent, and after it failed.

        Raises:
            MachineError: There is no answer.
        """
        ...


def is_paid(model: object) -> bool:
    """Return whether calls to a model, or to models of a class, may cost money."""
    return bool(getattr(model, "is_paid", True))


def is_timed(model: object) -> bool:
    """Return whether a model knows how many seconds each of its answers took."""
    return bool(getattr(model, "is_timed", True))


def needs_preflight(model: object) -> bool:
    """Return whether a model, or models of a class, can be tried before the first request."""
    return hasattr(model, "preflight")


class Member(TypedDict):
    """Model of an ensemble, and its weight."""

    model: Model
    weight: float


class Ensemble:
    """Several models, one of which is drawn for each call.

    The draw comes from the call's own stream, so it depends neither on the order of calls nor on
    earlier answers.

    Args:
        members: ``model`` and ``weight`` of each member, under any name.
    """

    def __init__(self, *, members: Mapping[str, Member]) -> None:
        self._models = [member["model"] for member in members.values()]
        self._weights = [float(member["weight"]) for member in members.values()]
        if len(self._models) < 2 or min(self._weights) < 0 or not sum(self._weights):  # noqa: PLR2004
            raise InputError(
                f"model.members: expected two models or more, with weights of at least 0 and not "
                f"all 0, got {dict(zip(members, self._weights, strict=True))}."
            )

    @property
    def is_timed(self) -> bool:
        """Whether all members know the seconds of their answers."""
        return all(map(is_timed, self._models))

    def preflight(self) -> None:
        """Try every member that can be tried."""
        for model in self._models:
            if needs_preflight(model):
                model.preflight()  # type: ignore[attr-defined]

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return the answer of the drawn member."""
        (model,) = request.rng("member").choices(self._models, self._weights)
        return model.complete(request, meter)


_OF_COMPLETION = (
    "model", "date", "asked", "finish_reason", "prompt_tokens", "completion_tokens", "latency_s",
    "headers", "applied",
)  # fmt: skip
_LABELS = ("model", "date", "asked", "finish_reason")
_LONGEST_TOKEN = 16
"""Characters of a token, on average over a text: four times those of code."""


def completion_of(call: CallAnswered) -> Completion:
    """Return the completion of a recorded call."""
    return Completion(text=call.answer, **{name: getattr(call, name) for name in _OF_COMPLETION})


def recorded_call(
    request: Request, completion: Completion, price: Price | None = None
) -> CallAnswered:
    """Return the event that records a call, without secrets; labels become printable lines.

    Of an answer, the first ``MOST_OF_AN_ANSWER`` characters are recorded.

    Args:
        request: What was asked.
        completion: What was answered.
        price: The price of the model, None where it is unknown.
    """
    metadata = {name: getattr(completion, name) for name in _OF_COMPLETION}
    labels = {name: reason_of(metadata[name], LONGEST_NAME) for name in _LABELS if metadata[name]}
    return CallAnswered(
        step=request.step,
        segment=request.segment,
        prompt=request.prompt,
        requested=vars(request.settings),
        price=price,
        answer=beginning_without_secrets(completion.text, MOST_OF_AN_ANSWER),
        **each_text(metadata | labels, without_secrets),
    )


def credible(count: int | None, text: str) -> int | None:
    """Return a reported number of tokens; None, for unknown, if it is too small for the text.

    The budget counts reported tokens, so a server that reports too few would disable its limits.

    Args:
        count: The number, None if none is reported.
        text: The prompt, or the answer. One for every 16 characters is the least, 0 without any.
    """
    least = math.ceil(len(text) / _LONGEST_TOKEN)
    return count if count is not None and count >= least else None


def today() -> str:
    """Return the current date, for the answers of models that report none."""
    return datetime.now(tz=UTC).date().isoformat()
