"""What an LLM is to the harness: requests, completions, and the models that need no server.

A model is anything with ``complete``; it may be called from several threads. What it returns is
kept verbatim in the journal, and a recorded study serves it again to exactly the same prompt.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Protocol

from harness.config.schema import Price
from harness.errors import InputError, ReplayMiss
from harness.files import creation_lock, write_atomically
from harness.record.archive import read_archive
from harness.record.events import CallAnswered
from harness.record.study import load_study
from harness.seeding import stream

_POLL_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Generation settings asked for; a model says which of them it applied."""

    temperature: float
    top_p: float
    max_tokens: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """One prompt of one step: ``g1.c2.mating`` is generation 1, child 2, its mating."""

    step: str
    segment: str
    prompt: str
    settings: Settings
    seed: int
    """The run's, for draws that belong to this call."""

    @property
    def prompt_digest(self) -> str:
        """Hash of the prompt's text."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()[:16]

    def rng(self, purpose: str) -> Random:
        """Return the stream of one purpose within this call."""
        return stream(self.seed, self.step, purpose)


@dataclass(frozen=True, kw_only=True)
class Completion:
    """An answer, with all that is known of how it was made; unknown is None, never zero."""

    text: str
    model: str
    """The name that the server gives itself, or whoever answers."""
    date: str
    asked: str | None = None
    """The name by which it was asked for, where that can be another."""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those of the reply that tell one from another at the server's side."""
    applied: Mapping[str, Any] | None = None
    """Settings that the model reports to have applied."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request with its completion."""

    request: Request
    completion: Completion


FAILURES = {
    "unreachable": "no connection: nothing was sent",
    "refused": "the request itself is at fault, so it is not sent again",
    "timeout": "no complete answer within the deadline, the server's (status 408, 504) or ours",
    "cut": "the connection ended within the answer",
    "server": "the server failed (status 409, 5xx)",
    "rate": "too many requests (status 429)",
    "quota": "the account has no credit left",
    "key": "the key is refused (status 401, 403)",
    "malformed": "a reply that is no chat completion",
    "empty": "a completion without text",
}
"""Why a request got no answer: every kind there is."""
PERHAPS_BILLED = frozenset({"timeout", "cut", "malformed", "empty"})
"""Kinds after which the server may have done the work, so that it counts as spent."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One sending of a request that got no answer: data, not an error."""

    kind: str
    """One of ``FAILURES``."""
    told: str
    """What the server or the connection said, one line, without secrets."""
    latency_s: float
    retry_after_s: float | None = None
    """How long the server asks to be left alone."""

    @property
    def perhaps_billed(self) -> bool:
        """Whether the server may have done the work, so that it counts as spent."""
        return self.kind in PERHAPS_BILLED


class Meter(Protocol):
    """Is told of every sending of one request, so that none goes uncounted."""

    @property
    def pending(self) -> bool:
        """Whether an earlier process sent it, and no answer came yet."""
        ...

    def sending(self, *, asked: str) -> None:
        """Take note that the request is about to be sent; BudgetSpent where there is no room."""
        ...

    def failed(self, failure: Failure) -> None:
        """Take note that the last sending got no answer."""
        ...


class Unmetered:
    """Counts nothing: for models asked outside a run."""

    pending = False

    def sending(self, *, asked: str) -> None:
        """Let it be sent."""

    def failed(self, failure: Failure) -> None:
        """Forget it."""


UNMETERED = Unmetered()


class Answers(Protocol):
    """What a proposer asks: a model within a run, which counts and remembers by itself."""

    def complete(self, request: Request) -> Completion:
        """Answer one prompt; BudgetSpent where the budget has no room for another call."""
        ...


class Model(Protocol):
    """A large language model, or what stands in for one."""

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Answer one prompt, telling the meter of each sending; MachineError without an answer."""
        ...


class Ensemble:
    """Several models, one of them drawn for each call.

    members: ``model`` and ``weight`` of each, by any name. Which one answers is drawn from the
    call's own stream, so it depends neither on order nor on what was answered before.
    """

    def __init__(self, *, members: Mapping[str, Mapping[str, Any]]) -> None:
        self._models: list[Model] = [member["model"] for member in members.values()]
        self._weights = [float(member["weight"]) for member in members.values()]
        if len(self._models) < 2 or min(self._weights) < 0 or not sum(self._weights):  # noqa: PLR2004
            raise InputError(
                f"model.members: expected two models or more, with weights of at least 0 and not "
                f"all 0, got {dict(zip(members, self._weights, strict=True))}."
            )

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Let the drawn member answer."""
        (model,) = request.rng("member").choices(self._models, self._weights)
        return model.complete(request, meter)


class Exchange:
    """Each prompt becomes a file; the answer is read from a file beside it.

    A person, or any program, can be the LLM: ``STEP-DIGEST.prompt.md`` appears in the folder, and
    the run waits until ``STEP-DIGEST.answer.md`` is there and no longer changes.
    """

    def __init__(self, *, folder: str, name: str, settle_s: float) -> None:
        slug = re.sub(r"\W+", "-", name).strip("-")
        mark = hashlib.sha256(name.encode()).hexdigest()[
            :4
        ]  # one LLM never finds another's answers
        self._folder = Path(folder) / f"{slug}-{mark}"
        self._name, self._settle_s = name, settle_s
        print(
            f"model=exchange: answer {self._folder}/*.prompt.md in *.answer.md",
            flush=True,
        )

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Write the prompt and wait for the answer, as long as it takes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = f"{request.step}-{request.prompt_digest[:8]}"
        prompt = self._folder / f"{stem}.prompt.md"
        if not meter.pending:  # else an earlier process has asked, and nothing was lost
            meter.sending(asked=self._name)
        with creation_lock(prompt):
            if not prompt.exists():
                write_atomically(prompt, lambda file: file.write(request.prompt.encode()))
        text = self._settled(self._folder / f"{stem}.answer.md")
        return Completion(text=text, model=self._name, date=today())

    def _settled(self, path: Path) -> str:
        seen, since = "", time.monotonic()
        while True:
            text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
            if text != seen:
                seen, since = text, time.monotonic()
            if seen.strip() and time.monotonic() - since >= self._settle_s:
                return seen
            time.sleep(_POLL_S)


class Recorded:
    """Serves a recorded study's answers to exactly the prompts that they answered."""

    def __init__(self, *, study: str) -> None:
        self._study = load_study(Path(study))
        self._calls = {call.step: call for call in self._study.calls}

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return the recorded answer; ReplayMiss for any other step, prompt or draw of settings."""
        call = self._calls.get(request.step)
        if call is None:
            why = "not at all"
        elif call.prompt != request.prompt:
            why = "with another prompt"
        elif call.requested != vars(request.settings):
            why = f"asked with other settings ({call.requested})"
        else:
            why = ""
        if call is None or why:
            steps = list(self._calls)
            raise ReplayMiss(
                f"{request.step}: the recorded study {self._study.path} holds this step {why}. "
                f"It was recorded with {self._study.settings}, steps {steps[0]} to {steps[-1]}. "
                f"Leave those settings as they are, or use model=openai or model=exchange."
            )
        meter.sending(asked=call.asked or call.model)
        return completion_of(call)


class Pool:
    """A recorded answer for the same segment, whatever the prompt: only to try settings out."""

    _NAME = "pool of recorded answers"

    def __init__(self, *, folder: str) -> None:
        self._calls = [
            entry.event
            for path in sorted(Path(folder).glob("*.zip"))
            for entry in read_archive(path)[1]
            if isinstance(entry.event, CallAnswered)
        ]
        if not self._calls:
            raise InputError(f"model=pool: expected recorded answers in {folder}, found none.")

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return one of the answers recorded for the request's segment, drawn by its step."""
        meter.sending(asked=self._NAME)
        fitting = [call for call in self._calls if call.segment == request.segment]
        if not fitting:
            return Completion(
                text=f"No answer is recorded for the segment {request.segment}.",
                model=self._NAME,
                date=today(),
            )
        return completion_of(stream(0, "pool", request.step, request.prompt).choice(fitting))


class Scripted:
    """Answers from a list, drawn by step, for tests and for trying out prompts."""

    _NAME = "scripted"

    def __init__(self, *, answers: list[str]) -> None:
        self._answers = answers

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return the answer that the request's step draws, so order of arrival does not matter."""
        if not self._answers:
            raise InputError("model=scripted: expected model.answers=[...], got none.")
        meter.sending(asked=self._NAME)
        text = stream(0, self._NAME, request.step).choice(self._answers)
        return Completion(text=text, model=self._NAME, date=today())


_OF_COMPLETION = (
    "model", "date", "asked", "finish_reason", "prompt_tokens", "completion_tokens", "latency_s",
    "headers", "applied",
)  # fmt: skip


def completion_of(call: CallAnswered) -> Completion:
    """Return the completion of a recorded call."""
    return Completion(text=call.answer, **{name: getattr(call, name) for name in _OF_COMPLETION})


def recorded_call(
    request: Request, completion: Completion, price: Price | None = None
) -> CallAnswered:
    """Return the event that records a call.

    Args:
        request: What was asked.
        completion: What was answered.
        price: The price of the model, None where it is unknown.
    """
    return CallAnswered(
        step=request.step,
        segment=request.segment,
        prompt=request.prompt,
        requested=vars(request.settings),
        answer=completion.text,
        price=price,
        **{name: getattr(completion, name) for name in _OF_COMPLETION},
    )


def today() -> str:
    """Return the date that an answer bears."""
    return datetime.now(tz=UTC).date().isoformat()
