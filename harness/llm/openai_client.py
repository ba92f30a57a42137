"""Requests to a server that speaks OpenAI's chat completions. The door to openai.

The SDK sends; when to send again, how long to wait and when to give up is decided here: one
deadline per sending, one gate per endpoint that all calls share, an own reading of every failure.
A server that is away pauses the run; it never costs a candidate its verdict.
"""

import asyncio
import functools
import json
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import InputError, MachineError
from harness.llm.model import UNMETERED, Completion, Failure, Meter, Request, today
from harness.llm.rate_limit import Gate
from harness.seeding import stream

_TOLD_CHARACTERS = 500
_SETTINGS = ("temperature", "top_p")
_GRACE_S = 5
_CONNECT_S = 10
_TELLING_HEADERS = ("x-request-id", "openai-processing-ms", "openai-version", "server")
_SECRETS = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|key)-[\w-]{8,})|(?<=//)[^/@\s]+@")
_NO_CREDIT = re.compile(
    r"(?i)insufficient[_ ](?:quota|balance|credit)|exceeded your current quota|out of credit"
)
_NO_ANSWER = re.compile(
    r"(?i)(context.{0,20}(?:length|window|size)|prompt is too long|content.{0,3}(?:filter|policy)"
    r"|moderation|flagged)"
)
"""A refusal that is meant for this prompt alone."""
_STATUS_KINDS = {
    401: "key", 403: "key", 402: "quota", 408: "timeout", 409: "server", 429: "rate",
    504: "timeout", 524: "timeout",  # a proxy gave up, and the server may be at work
}  # fmt: skip
_SHORTEST_SECRET = 16
"""A shorter key is no secret, but a word that any program may hold."""
_SERVER_ERROR = 500


class OpenAI:
    """Any server that speaks OpenAI's chat completions: hosted, vLLM, Ollama, llama.cpp.

    server: what the place is called, part of a run's identity as its address is not; key_env:
    environment variable that holds the key, None for a server that needs none; timeout_s: for one
    sending, from connecting to the last byte; attempts: sendings of one request that may have been
    billed without an answer; concurrency: calls under way at most; backoff_s and backoff_max_s:
    the first and longest range of random waits between failures, in seconds, each range twice the
    one before; patience_s: how long a pause, or one request, may last before the command ends;
    tokens_field: name of the limit on new tokens; omit: settings that the server does not take;
    extra: fields to send along.
    """

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
                f"nobody knows what a call may cost."
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
        self._gate = _gate(
            _SECRETS.sub("***", base_url or server),
            self._key,
            concurrency=concurrency,
            backoff_s=backoff_s,
            backoff_max_s=backoff_max_s,
            patience_s=patience_s,
        )
        self._gate.open()
        self._loop = _loop()

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Send until there is an answer; MachineError when patience is at its end.

        A reply without text is asked for again, and is in the end an answer without text. While
        other requests are answered, this one may be lost ``attempts`` times; while none is, the
        endpoint is away, and only patience counts.
        """
        lost = sent = 0
        began = time.monotonic()
        while True:
            with self._gate.turn() as since:
                meter.sending(asked=self._name)
                sent += 1
                rng = stream(request.seed, request.step, "backoff", sent)
                outcome = self._gate.attempt(lambda: self._send(request), rng, since=since)
                away = self._gate.paused
            if isinstance(outcome, Completion):
                return outcome
            lost += outcome.perhaps_billed and not away
            if outcome.kind == "empty" and lost >= self._attempts:
                return self._no_text(outcome.told)  # paid for as any other
            meter.failed(outcome)
            if outcome.kind == "refused":
                raise InputError(outcome.told)
            if outcome.kind == "key" and not self._gate.answered:
                raise InputError(
                    f"model: expected a key that {self._gate.endpoint} accepts, it says "
                    f"'{outcome.told}'. Set it in the environment (model.key_env names the "
                    f"variable); the same command goes on from here."
                )
            if lost >= self._attempts or time.monotonic() - began > self._patience_s:
                raise MachineError(
                    f"{request.step}: expected an answer, {self._gate.endpoint} gave none to "
                    f"{sent} sendings (the last: {outcome.told}); model.attempts and "
                    f"model.patience_s say when to give up. What was done is kept; the same "
                    f"command goes on from here."
                )

    def _send(self, request: Request) -> Completion | Failure:
        reply = asyncio.run_coroutine_threadsafe(self._reply(request), self._loop)
        started = time.monotonic()
        try:
            return reply.result(self._timeout_s + _GRACE_S)
        except TimeoutError:  # cancelling hangs as well
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
                return await self._exchanged(request, started)
        except (TimeoutError, openai.APITimeoutError) as error:
            never_sent = type(error.__cause__).__name__.startswith("Connect")
            kind, told = ("unreachable" if never_sent else "timeout"), "no answer in time"
        except openai.APIConnectionError as error:
            never_sent = type(error.__cause__).__name__.startswith("Connect")
            kind = "unreachable" if never_sent else "cut"
            told = repr(error.__cause__ or error)
        except openai.APIStatusError as error:
            return self._refusal(error, started)
        except Exception as error:  # noqa: BLE001 - it may hold the key, so nobody else may see it
            kind, told = "malformed", repr(error)
        return self._failure(kind, told, started)

    async def _exchanged(self, request: Request, started: float) -> Completion | Failure:
        """Send once, with a client of its own: what is abandoned leaves nothing behind."""
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
            # Connecting has less time than the whole, so that one knows what was never sent.
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
        """Read a reply with status 200, which need not be a completion for that."""
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
            headers={name: headers[name] for name in _TELLING_HEADERS if name in headers},
            applied={**sent, **self._extra},
        )

    def _refusal(self, error: Any, started: float) -> Completion | Failure:
        """Read a reply with another status; it may be meant for this prompt alone."""
        status, told = error.status_code, error.message
        kind = _STATUS_KINDS.get(status, "server" if status >= _SERVER_ERROR else "refused")
        if kind in {"refused", "key"} and (found := _NO_ANSWER.search(told)):
            return self._no_text(f"refused: {found[0]}", tokens=0)
        if kind == "rate" and _NO_CREDIT.search(told):
            kind = "quota"
        if kind == "refused":
            told = (
                f"model: expected a request that {self._gate.endpoint} accepts, it says "
                f"'{self._plain(told)}' (status {status}). Mend model.name, model.base_url or what "
                f"model.omit and model.tokens_field say; the same command goes on from here."
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
        """One line without secrets."""
        return " ".join(_SECRETS.sub("***", self._without_key(told)).split())[:_TOLD_CHARACTERS]

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if len(self._key) >= _SHORTEST_SECRET else text


@functools.cache
def _gate(endpoint: str, key: str, **limits: float) -> Gate:
    """Return the one gate of an endpoint: members of an ensemble may share it."""
    del key  # another account has limits of its own
    return Gate(endpoint, **limits)  # type: ignore[arg-type]


def _key(key_env: str | None) -> str:
    """Read a key from the environment; InputError where there is none that could be sent."""
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
    """Start the thread in which requests wait, so that any can be abandoned at its deadline."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="llm requests", daemon=True).start()
    return loop


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks for; a date is read as the time until then."""
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
