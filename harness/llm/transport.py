"""Bounded HTTP transport for OpenAI's chat completions API. The door to openai.

The SDK builds the request. This module decides which headers are sent, how much is read, and which
address receives the request, independently of the SDK's version and of the environment.
"""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

OPENAI_URL = "https://api.openai.com/v1"
MAX_BODY_BYTES = 2 * 2**20
"""Fits the longest answer with its reasoning. Parsed JSON takes up to fifty times the memory."""
_MAX_ERROR_BYTES = 64 * 2**10
_CONNECT_S = 10
_OK = 200
_OF_OPENAI = re.compile(r"https://(?:[\w-]+\.)?api\.openai\.com(?::443)?(?:/|$)")
_SENT = frozenset({"accept", "content-length", "content-type", "host", "user-agent"})
_SENT_TO_OPENAI = frozenset({"openai-organization", "openai-project"})


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Response of a server with any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """At most ``MAX_BODY_BYTES``; the beginning of a longer body where the status is an error."""


class NoReply(Exception):  # noqa: N818 - a value of the protocol, no defect
    """A request without a usable reply.

    Attributes:
        kind: One of ``model.FAILURES``.
        message: Cause, as text of a library or of this module.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(message)


@functools.cache
def load_client() -> None:
    """Import the client, which takes seconds that are no part of a request's time limit."""
    import openai.resources.chat.completions
    import openai.resources.models  # noqa: F401 - imported late by their clients

    _client_class()


async def ask(
    fields: Mapping[str, Any], prompt: str, *, base_url: str, key: str, timeout_s: float
) -> Reply:
    """Send one request with a new client, so that an abandoned request leaves no open connection.

    Redirects are not followed. Proxies and certificates of the environment are used for ``https``
    only.

    Args:
        fields: Fields of the body except the prompt.
        prompt: The only message.
        base_url: Address of the API.
        key: Sent to this address.
        timeout_s: Limit for connecting and for each read; the caller limits the total time.

    Raises:
        NoReply: The request failed, or the reply is compressed or too large.
    """

    def create(client: Any) -> Awaitable[Any]:
        asked: Awaitable[Any] = client.chat.completions.with_raw_response.create(
            model=fields["model"],
            messages=[{"role": "user", "content": prompt}],
            extra_body=dict(fields),
        )
        return asked

    return await _sent(create, base_url=base_url, key=key, timeout_s=timeout_s)


async def list_models(*, base_url: str, key: str | None, timeout_s: float) -> Reply:
    """Ask for the list of models, which costs nothing, as ``ask`` asks.

    Args:
        base_url: Address of the API.
        key: Sent to this address; None sends none.
        timeout_s: Limit for connecting and for each read.

    Raises:
        NoReply: The request failed, or the reply is compressed or too large.
    """

    def listed(client: Any) -> Awaitable[Any]:
        asked: Awaitable[Any] = client.models.with_raw_response.list()
        return asked

    return await _sent(listed, base_url=base_url, key=key, timeout_s=timeout_s)


async def _sent(
    send: Callable[[Any], Awaitable[Any]], *, base_url: str, key: str | None, timeout_s: float
) -> Reply:
    import openai

    # A shorter limit for connecting distinguishes requests that were never sent from lost ones.
    timeout = openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s / 2))
    secure = base_url.startswith("https://")  # http needs no certificates; loading them takes 20 ms
    http = _client_class()(timeout=timeout, trust_env=secure, verify=secure)
    http.key, http.sent = key, headers_for(base_url)
    try:
        async with openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=base_url,
            timeout=timeout,
            max_retries=0,
            http_client=http,
        ) as client:
            response = (await send(client)).http_response
    except openai.APIStatusError as error:
        response = error.response
    except openai.APIConnectionError as error:
        raise _no_reply(error) from None
    return Reply(status=response.status_code, headers=response.headers, body=response.content)


def headers_for(base_url: str) -> frozenset[str]:
    """Return the names of the SDK's headers that are sent to this address."""
    return _SENT | (_SENT_TO_OPENAI if _OF_OPENAI.match(base_url) else frozenset())


def _no_reply(error: Exception) -> NoReply:
    import openai

    cause = error.__cause__ or error
    if isinstance(cause, NoReply):  # older versions wrap exceptions of the client
        return cause
    if type(cause).__name__.startswith("Connect"):  # of httpx or its successor
        message = (
            "no connection in time" if isinstance(error, openai.APITimeoutError) else repr(cause)
        )
        return NoReply("unreachable", message)
    if isinstance(error, openai.APITimeoutError):
        return NoReply("timeout", "no answer in time")
    return NoReply("cut", repr(cause))


@functools.cache
def _client_class() -> Any:
    """Return a client class that enforces this module's limits."""
    import openai

    class Bounded(openai.DefaultAsyncHttpxClient):
        key: str | None
        sent: frozenset[str]

        async def send(self, request: Any, **_: Any) -> Any:
            """Send only allowed headers, follow no redirect, and return a fully read response."""
            headers = {n: v for n, v in request.headers.items() if n in self.sent}
            headers["accept-encoding"] = "identity"
            if self.key is not None:
                headers["authorization"] = f"Bearer {self.key}"
            # A new request, since the SDK reads its own headers after the response.
            outgoing = type(request)(
                request.method,
                request.url,
                headers=headers,
                content=request.content,
                extensions=request.extensions,
            )
            response = await super().send(outgoing, stream=True, follow_redirects=False)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
            kept = [(n, v) for n, v in response.headers.raw if n.lower() not in _OF_BODY]
            return type(response)(response.status_code, headers=kept, content=body, request=request)

    return Bounded


_OF_BODY = {b"content-encoding", b"transfer-encoding", b"content-length"}


async def _read(response: Any) -> bytes:
    """Return the raw body, without decompression."""
    ok = response.status_code == _OK
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        if ok:
            raise NoReply("malformed", f"expected a body without content encoding, got {coding}")
        return b""
    body = bytearray()
    most = MAX_BODY_BYTES if ok else _MAX_ERROR_BYTES
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most:
            if ok:
                raise NoReply("malformed", f"a body of more than {most:,} bytes")
            break
    return bytes(body[:most])
