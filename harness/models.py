"""Where the LLM's answers come from. The door to openai.

A model is anything with ``complete``; it may be called from several threads. What it returns is
kept verbatim in the journal, and a recorded study serves it again to exactly the same prompt.
"""

import hashlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from harness.errors import InputError, MachineError, ReplayMiss
from harness.seeding import stream
from harness.studies import Study, load_study

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

    @property
    def prompt_digest(self) -> str:
        """Hash of the prompt's text."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Completion:
    """An answer, with all that is known of how it was made; unknown is None, never zero."""

    text: str
    model: str
    date: str
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    applied: Mapping[str, Any] | None = field(default=None)
    """Settings that the model reports to have applied."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request with its completion."""

    request: Request
    completion: Completion


class Model(Protocol):
    """A large language model, or what stands in for one."""

    def complete(self, request: Request) -> Completion:
        """Answer one prompt; MachineError when no answer can be had."""
        ...


class OpenAI:
    """Any server that speaks OpenAI's chat completions: hosted, vLLM, Ollama, llama.cpp."""

    def __init__(
        self, *, name: str, base_url: str | None, key_env: str, timeout_s: float, max_retries: int
    ) -> None:
        key = os.environ.get(key_env)
        if not key:
            raise InputError(
                f"model=openai: expected the API key in the environment variable {key_env}, which "
                f"is not set. Set it (to any text for a server that needs none), or use "
                f"model=exchange or model=recorded."
            )
        import openai

        self._name = name
        self._client = openai.OpenAI(
            api_key=key, base_url=base_url, timeout=timeout_s, max_retries=max_retries
        )

    def complete(self, request: Request) -> Completion:
        """Ask the server; its own retries are bounded, then MachineError."""
        import openai

        settings = request.settings
        try:
            answer = self._client.chat.completions.create(
                model=self._name,
                messages=[{"role": "user", "content": request.prompt}],
                temperature=settings.temperature,
                top_p=settings.top_p,
                max_tokens=settings.max_tokens,
            )
            choice = answer.choices[0]
        except (openai.OpenAIError, ValueError, IndexError, TypeError, AttributeError) as error:
            raise MachineError(
                f"{request.step}: the LLM server at {self._client.base_url} gave no usable answer "
                f"({type(error).__name__}: {error}). The same command continues from here."
            ) from error
        usage = answer.usage
        return Completion(
            text=choice.message.content or "",
            model=answer.model,
            date=_today(),
            finish_reason=choice.finish_reason,
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
        )


class Exchange:
    """Each prompt becomes a file; the answer is read from a file beside it.

    A person, or any program, can be the LLM: ``STEP-DIGEST.prompt.md`` appears in the folder, and
    the run waits until ``STEP-DIGEST.answer.md`` is there and no longer changes.
    """

    def __init__(self, *, folder: str, name: str, settle_s: float) -> None:
        slug = re.sub(r"\W+", "-", name).strip("-")  # another LLM never finds this one's answers
        self._folder, self._name, self._settle_s = Path(folder) / slug, name, settle_s
        print(
            f"model=exchange: answer {self._folder}/*.prompt.md in *.answer.md",
            flush=True,
        )

    def complete(self, request: Request) -> Completion:
        """Write the prompt and wait for the answer, as long as it takes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = f"{request.step}-{request.prompt_digest[:8]}"
        (self._folder / f"{stem}.prompt.md").write_text(request.prompt, encoding="utf-8")
        text = self._settled(self._folder / f"{stem}.answer.md")
        return Completion(text=text, model=self._name, date=_today())

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
        self._calls = {c["step"]: c for c in self._study.calls}

    def complete(self, request: Request) -> Completion:
        """Return the recorded answer; ReplayMiss for any other step, prompt or draw of settings."""
        call = self._calls.get(request.step)
        if call is None:
            why = "not at all"
        elif call["prompt"] != request.prompt:
            why = "with another prompt"
        elif call["requested"] != vars(request.settings):
            why = f"asked with other settings ({call['requested']})"
        else:
            why = ""
        if call is None or why:
            steps = list(self._calls)
            raise ReplayMiss(
                f"{request.step}: the recorded study {self._study.path} holds this step {why}. "
                f"It was recorded with {self._study.settings}, steps {steps[0]} to {steps[-1]}. "
                f"Leave those settings as they are, or use model=openai or model=exchange."
            )
        return completion_of(call)


class Pool:
    """A recorded answer for the same segment, whatever the prompt: only to try settings out."""

    def __init__(self, *, folder: str) -> None:
        studies: list[Study] = [load_study(p) for p in sorted(Path(folder).glob("*.json"))]
        if not studies:
            raise InputError(f"model=pool: expected recorded studies in {folder}, found none.")
        self._calls = [call for study in studies for call in study.calls]

    def complete(self, request: Request) -> Completion:
        """Return one of the answers recorded for the request's segment, drawn by its step."""
        fitting = [call for call in self._calls if call["segment"] == request.segment]
        if not fitting:
            return Completion(
                text=f"No answer is recorded for the segment {request.segment}.",
                model="pool of recorded answers",
                date=_today(),
            )
        return completion_of(stream(0, "pool", request.step, request.prompt).choice(fitting))


class Scripted:
    """Answers from a list, drawn by step, for tests and for trying out prompts."""

    def __init__(self, *, answers: list[str]) -> None:
        self._answers = answers

    def complete(self, request: Request) -> Completion:
        """Return the answer that the request's step draws, so order of arrival does not matter."""
        if not self._answers:
            raise InputError("model=scripted: expected model.answers=[...], got none.")
        text = stream(0, "scripted", request.step).choice(self._answers)
        return Completion(text=text, model="scripted", date=_today())


def completion_of(call: Mapping[str, Any]) -> Completion:
    """Turn a recorded call back into its completion."""
    fields = ("model", "date", "finish_reason", "prompt_tokens", "completion_tokens", "applied")
    return Completion(text=call["answer"], **{name: call[name] for name in fields})


def recorded_call(call: Call) -> dict[str, Any]:
    """All of a call as JSON values, enough to serve it again."""
    request, completion = call.request, call.completion
    return {
        "step": request.step,
        "segment": request.segment,
        "prompt": request.prompt,
        "requested": vars(request.settings),
        "answer": completion.text,
        "model": completion.model,
        "date": completion.date,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "applied": completion.applied,
    }


def _today() -> str:
    return datetime.now(tz=UTC).date().isoformat()
