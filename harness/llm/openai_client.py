"""Client for servers with OpenAI's chat completions API.

``transport`` sends single requests. This module retries them, with one deadline per request, one
rate limiter per endpoint, and a classification of every failure. An unavailable server pauses the
run; it never leads to the rejection of a candidate.
"""

import asyncio
import functools
import os
import re
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from harness.config.plugins import require_extra
from harness.errors import InputError, MachineError
from harness.llm.model import REFUSED, UNMETERED, Completion, Failure, Meter, Request
from harness.llm.preflight import (
    ONE_TOKEN,
    refused_key,
    refused_request,
    try_model,
    would_answer,
)
from harness.llm.rate_limit import RateLimiter
from harness.llm.replies import ReplyReader, failure, plain
from harness.llm.transport import OPENAI_URL, NoReply, Reply, ask, list_models, load_client
from harness.secrets import keep_secret, without_secrets
from harness.seeding import stream
from harness.text import each_text

_SETTINGS = ("temperature", "top_p")
_GRACE_S = 5
_LIST_S = 10.0
"""Limit for the list of models, which servers have at hand."""


class OpenAI:
    """Any server with OpenAI's chat completions API: hosted, vLLM, Ollama, llama.cpp.

    Args:
        name: Name of the model, as the server knows it.
        server: Name of the server: part of a run's identity, which its address is not.
        base_url: Address of the API; None is OpenAI's.
        key_env: Environment variable that holds the key; None for a server that needs none.
        timeout_s: Limit for one request, from connecting to the last byte, in seconds.
        attempts: How often one request may be sent without an answer though possibly billed.
        concurrency: The most calls in flight.
        backoff_s: The first range of random waits after failures, in seconds; it doubles.
        backoff_max_s: The longest range of random waits, in seconds.
        patience_s: How long a pause, or one request, may last before the command ends, in seconds.
        tokens_field: Name of the field that limits new tokens.
        omit: Settings that the server does not accept.
        extra: Further fields to send.
    """

    is_paid: ClassVar = True

    def __init__(
        self,
        *,
        name: str,
        server: str,
        base_url: str | None,
        key_env: str | None,
        timeout_s: float,
        attempts: int,
        concurrency: int,
        backoff_s: float,
        backoff_max_s: float,
        patience_s: float,
        tokens_field: str,
        omit: Sequence[str],
        extra: Mapping[str, Any],
    ) -> None:
        require_extra("openai", "model")
        if not name:
            raise InputError("model.name: expected the model's name as its server knows it.")
        if base_url and not re.match(r"https?://", base_url):
            raise InputError(f"model.base_url: expected http:// or https://, got {base_url}.")
        if tokens_field in omit:
            raise InputError(
                f"model.omit: expected anything but {tokens_field}; without a limit on its tokens "
                f"the cost of a call has no bound."
            )
        if fixed := {"model", "messages", "stream", "n", tokens_field, *_SETTINGS} & set(extra):
            raise InputError(
                f"model.extra: expected fields that the harness does not set itself, got "
                f"{', '.join(sorted(fixed))}."
            )
        self._name, self._key, self._base_url = name, _key(key_env), base_url or OPENAI_URL
        self._has_key = key_env is not None
        if self._has_key:
            keep_secret(self._key)
        if each_text(dict(extra), without_secrets) != dict(extra):
            raise InputError(
                "model.extra: expected no key, since settings are recorded, found one. Name the "
                "environment variable that holds the key in model.key_env instead."
            )
        self._timeout_s, self._attempts = timeout_s, attempts
        self._tokens_field, self._omit, self._extra = tokens_field, set(omit), dict(extra)
        self._patience_s = patience_s
        self._limiter = _limiter(
            plain(base_url or server),
            self._key,
            concurrency=concurrency,
            backoff_s=backoff_s,
            backoff_max_s=backoff_max_s,
            patience_s=patience_s,
        )
        self._limiter.reset()
        self._reader = ReplyReader(name=name, endpoint=self._limiter.endpoint)
        self._loop = _loop()

    def preflight(self) -> None:
        """Try server, key and name, see ``llm.preflight``.

        Raises:
            InputError: The server refuses key, name or settings.
            MachineError: It does not answer.
        """
        try_model(
            self._name,
            self._limiter.endpoint,
            lists=lambda: self._list(self._key if self._has_key else None),
            lists_without_key=(lambda: self._list(None)) if self._has_key else None,
            asks=lambda: self._sent(ONE_TOKEN),
        )
        self._limiter.reached()

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Send until there is an answer.

        A reply without text is retried, and in the end counts as an answer without text. While the
        endpoint answers other requests, this one may fail ``attempts`` times; while it answers
        none, only ``patience_s`` counts.

        Raises:
            MachineError: There is no answer after ``attempts`` or ``patience_s``.
            InputError: The server refuses the request or the key.
        """
        perhaps_billed = sent = 0
        began = time.monotonic()
        while True:
            with self._limiter.turn() as since:
                meter.sending(asked=self._name)
                sent += 1
                rng = stream(request.seed, request.step, "backoff", sent)
                outcome = self._limiter.attempt(lambda: self._send(request), rng, since=since)
                unavailable = self._limiter.paused
            if isinstance(outcome, Completion):
                if not _is_empty(outcome):
                    return outcome
                why = f"a completion without text, finish reason {outcome.finish_reason}"
                if perhaps_billed + 1 >= self._attempts:
                    return replace(outcome, finish_reason=why)  # it is paid for as any other
                outcome = Failure(kind="empty", told=why, latency_s=outcome.latency_s or 0.0)
            perhaps_billed += outcome.perhaps_billed and not unavailable
            meter.failed(outcome)
            self._raise_if_final(outcome)
            if perhaps_billed >= self._attempts or time.monotonic() - began > self._patience_s:
                raise MachineError(
                    f"{request.step}: expected an answer, {self._limiter.endpoint} gave none to "
                    f"{sent} sendings (the last: {outcome.told}); model.attempts and "
                    f"model.patience_s say when to give up. All results are kept; run the same "
                    f"command to continue."
                )

    def _raise_if_final(self, failure: Failure) -> None:
        """Raise InputError for a failure that no further request could avoid."""
        if failure.kind == "refused":
            raise refused_request(self._limiter.endpoint, failure.told)
        if failure.kind == "key" and not self._limiter.answered:
            raise refused_key(self._limiter.endpoint, failure.told)

    def _send(self, request: Request) -> Completion | Failure:
        """Send once; one token more tells whether a server refuses a prompt or every request."""
        outcome = self._sent(request)
        if isinstance(outcome, Completion) or outcome.kind != "refused":
            return outcome
        tried = self._sent(ONE_TOKEN)
        if isinstance(tried, Failure) and not would_answer(tried):
            return outcome if tried.kind == "refused" else tried
        return self._reader.refused(outcome.told, latency_s=outcome.latency_s)

    def _sent(self, request: Request) -> Completion | Failure:
        settings = {**self._settings(request), **self._extra}
        started = time.monotonic()
        reply = self._replied(
            lambda: ask(
                {"model": self._name, **settings},
                request.prompt,
                base_url=self._base_url,
                key=self._key,
                timeout_s=self._timeout_s,
            ),
            timeout_s=self._timeout_s,
        )
        if isinstance(reply, Failure):
            return reply
        try:
            return self._reader.read(
                reply, prompt=request.prompt, applied=settings, started=started
            )
        except Exception as error:  # noqa: BLE001 - it may hold the key, so it must not be shown
            return failure("malformed", repr(error), started)

    def _list(self, key: str | None) -> Reply | Failure:
        timeout_s = min(_LIST_S, self._timeout_s)
        return self._replied(
            lambda: list_models(base_url=self._base_url, key=key, timeout_s=timeout_s),
            timeout_s=timeout_s,
        )

    def _replied(
        self, send: Callable[[], Coroutine[Any, Any, Reply]], *, timeout_s: float
    ) -> Reply | Failure:
        """Return the reply to one request, or why there is none within the deadline."""
        load_client()
        started = time.monotonic()
        pending = asyncio.run_coroutine_threadsafe(_by_deadline(send, timeout_s), self._loop)
        try:
            return pending.result(timeout_s + _GRACE_S)
        except NoReply as error:
            return failure(error.kind, error.message, started)
        except TimeoutError:  # the deadline within the loop did not act
            pending.cancel()
            return failure("timeout", "no answer in time", started)
        except Exception as error:  # noqa: BLE001 - it may hold the key, so it must not be shown
            return failure("malformed", repr(error), started)

    def _settings(self, request: Request) -> dict[str, Any]:
        settings = request.settings
        wanted = {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            self._tokens_field: settings.max_tokens,
        }
        return {name: value for name, value in wanted.items() if name not in self._omit}


async def _by_deadline(send: Callable[[], Coroutine[Any, Any, Reply]], timeout_s: float) -> Reply:
    try:
        async with asyncio.timeout(timeout_s):
            return await send()
    except TimeoutError:
        raise NoReply("timeout", "no answer in time") from None


@functools.cache
def _limiter(endpoint: str, key: str, **limits: float) -> RateLimiter:
    """Return the rate limiter of an endpoint, which members of an ensemble may share."""
    del key  # a part of the cache's key: another account has limits of its own
    return RateLimiter(endpoint, **limits)  # type: ignore[arg-type]


def _key(key_env: str | None) -> str:
    """Return the key from the environment; InputError if it is missing or cannot be sent."""
    if key_env is None:
        return "none"
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise InputError(
            f"model: expected the API key in the environment variable {key_env}, which is not "
            f"set. Set it, or model.key_env=null for a server that needs none, or use "
            f"model=exchange or model=recorded."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            f"model: expected a key of printable ASCII characters in the environment variable "
            f"{key_env}, it holds others. Copy it again."
        )
    return key


def _is_empty(completion: Completion) -> bool:
    """Whether an answer has no text, and another attempt may bring some."""
    reason = completion.finish_reason or ""
    return not completion.text and reason != "length" and not reason.startswith(REFUSED)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """Start the thread of all requests, so that each can be abandoned at its deadline."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="llm requests", daemon=True).start()
    return loop
