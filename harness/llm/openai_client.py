"""Client for servers with OpenAI's chat completions API. The door to openai.

The SDK sends single requests; retries are decided here: one deadline per request, one rate limiter
per endpoint, and a classification of every failure. An unavailable server pauses the run; it never
leads to the rejection of a candidate.
"""

import asyncio
import functools
import json
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.errors import InputError, MachineError
from harness.llm.model import UNMETERED, Completion, Failure, Meter, Request, today
from harness.llm.rate_limit import RateLimiter
from harness.seeding import stream

_MESSAGE_CHARACTERS = 500
_SETTINGS = ("temperature", "top_p")
_GRACE_S = 5
_CONNECT_S = 10
_IDENTIFYING_HEADERS = ("x-request-id", "openai-processing-ms", "openai-version", "server")
_SECRETS = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|key)-[\w-]{8,})|(?<=//)[^/@\s]+@")
_NO_CREDIT = re.compile(
    r"(?i)insufficient[_ ](?:quota|balance|credit)|exceeded your current quota|out of credit"
)
_NO_ANSWER = re.compile(
    r"(?i)(context.{0,20}(?:length|window|size)|prompt is too long|content.{0,3}(?:filter|policy)"
    r"|moderation|flagged)"
)
"""A refusal of this prompt, not of all requests."""
_STATUS_KINDS = {
    401: "key", 403: "key", 402: "quota", 408: "timeout", 409: "server", 429: "rate",
    504: "timeout", 524: "timeout",  # a proxy gave up, the server may still work
}  # fmt: skip
_SHORTEST_SECRET = 16
"""A shorter key is not removed from messages: it may be an ordinary word."""
_SERVER_ERROR = 500


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
        self._name, self._key, self._base_url = name, _key(key_env), base_url
        self._timeout_s, self._attempts = timeout_s, attempts
        self._tokens_field, self._omit, self._extra = tokens_field, set(omit), dict(extra)
        self._patience_s = patience_s
        self._limiter = _limiter(
            _SECRETS.sub("***", base_url or server),
            self._key,
            concurrency=concurrency,
            backoff_s=backoff_s,
            backoff_max_s=backoff_max_s,
            patience_s=patience_s,
        )
        self._limiter.reset()
        self._loop = _loop()

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
                return outcome
            perhaps_billed += outcome.perhaps_billed and not unavailable
            if outcome.kind == "empty" and perhaps_billed >= self._attempts:
                return self._no_text(outcome.told)  # paid for as any other
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
            raise InputError(failure.told)
        if failure.kind == "key" and not self._limiter.answered:
            raise InputError(
                f"model: expected a key that {self._limiter.endpoint} accepts, it says "
                f"'{failure.told}'. Set it in the environment (model.key_env names the variable) "
                f"and run the same command to continue."
            )

    def _send(self, request: Request) -> Completion | Failure:
        reply = asyncio.run_coroutine_threadsafe(self._reply(request), self._loop)
        started = time.monotonic()
        try:
            return reply.result(self._timeout_s + _GRACE_S)
        except TimeoutError:  # the deadline within the loop did not act
            reply.cancel()
            return self._failure("timeout", "no answer in time", started)

    def _no_text(self, reason: str, *, tokens: int | None = None) -> Completion:
        return Completion(
            text="",
            model=self._name,
            asked=self._name,
            date=today(),
            finish_reason=reason,
            prompt_tokens=tokens,
            completion_tokens=tokens,
        )

    async def _reply(self, request: Request) -> Completion | Failure:
        import openai

        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send_once(request, started)
        except (TimeoutError, openai.APITimeoutError) as error:
            never_sent = type(error.__cause__).__name__.startswith("Connect")
            kind, told = ("unreachable" if never_sent else "timeout"), "no answer in time"
        except openai.APIConnectionError as error:
            never_sent = type(error.__cause__).__name__.startswith("Connect")
            kind = "unreachable" if never_sent else "cut"
            told = repr(error.__cause__ or error)
        except openai.APIStatusError as error:
            return self._refusal(error, started)
        except Exception as error:  # noqa: BLE001 - it may hold the key, so it must not be shown
            kind, told = "malformed", repr(error)
        return self._failure(kind, told, started)

    async def _send_once(self, request: Request, started: float) -> Completion | Failure:
        """Send once, with a new client, so that an abandoned request leaves nothing behind."""
        import openai

        settings = request.settings
        wanted = {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            self._tokens_field: settings.max_tokens,
        }
        sent = {name: value for name, value in wanted.items() if name not in self._omit}
        async with openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._base_url,
            # A shorter limit for connecting tells requests that were never sent from lost ones.
            timeout=openai.Timeout(self._timeout_s, connect=min(_CONNECT_S, self._timeout_s / 2)),
            max_retries=0,
        ) as client:
            reply = await client.chat.completions.with_raw_response.create(
                model=self._name,
                messages=[{"role": "user", "content": request.prompt}],
                extra_body={**sent, **self._extra},
            )
            return self._read(reply.text, reply.headers, sent, started)

    def _read(
        self, body: str, headers: Mapping[str, str], sent: Mapping[str, Any], started: float
    ) -> Completion | Failure:
        """Return the completion in a reply with status 200, or the failure if it holds none."""
        try:
            content = json.loads(body)
            choice, usage = content["choices"][0], content.get("usage") or {}
            text, reason = choice["message"].get("content") or "", choice.get("finish_reason")
            # A lone surrogate is no text, and could not be sent back in a later prompt.
            text = text.encode("utf-8", "backslashreplace").decode()
            prompt_tokens = _count(usage.get("prompt_tokens"))
            completion_tokens = _count(usage.get("completion_tokens"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return self._failure("malformed", f"no chat completion: {body}", started)
        if not text and reason != "length":
            told = f"a completion without text (finish reason {reason})"
            return self._failure("empty", told, started)
        return Completion(
            text=self._without_key(text),
            model=str(content.get("model") or self._name),
            date=today(),
            asked=self._name,
            finish_reason=reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            latency_s=time.monotonic() - started,
            headers={name: headers[name] for name in _IDENTIFYING_HEADERS if name in headers},
            applied={**sent, **self._extra},
        )

    def _refusal(self, error: Any, started: float) -> Completion | Failure:
        """Classify a reply with another status, which may concern this prompt alone."""
        status, told = error.status_code, error.message
        kind = _STATUS_KINDS.get(status, "server" if status >= _SERVER_ERROR else "refused")
        if kind in {"refused", "key"} and (found := _NO_ANSWER.search(told)):
            return self._no_text(f"refused: {found[0]}", tokens=0)
        if kind == "rate" and _NO_CREDIT.search(told):
            kind = "quota"
        if kind == "refused":
            told = (
                f"model: expected a request that {self._limiter.endpoint} accepts, it says "
                f"'{self._plain(told)}' (status {status}). Correct model.name, model.base_url, "
                f"model.omit or model.tokens_field, and run the same command to continue."
            )
        return self._failure(kind, told, started, headers=error.response.headers)

    def _failure(
        self, kind: str, told: str, started: float, headers: Mapping[str, str] | None = None
    ) -> Failure:
        return Failure(
            kind=kind,
            told=self._plain(told),
            latency_s=time.monotonic() - started,
            retry_after_s=_retry_after(headers or {}),
        )

    def _plain(self, told: str) -> str:
        """Return one line without secrets."""
        return " ".join(_SECRETS.sub("***", self._without_key(told)).split())[:_MESSAGE_CHARACTERS]

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if len(self._key) >= _SHORTEST_SECRET else text


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


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """Start the thread of all requests, so that each can be abandoned at its deadline."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="llm requests", daemon=True).start()
    return loop


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait that a server asks for, as a number or as a date."""
    from email.utils import parsedate_to_datetime

    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
