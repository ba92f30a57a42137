"""One bounded request to a server with OpenAI's chat completions API. The door to openai.

The SDK writes the request. What is sent, how much is read, and where a request may go is decided
here, for every version of the SDK and whatever the environment holds.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OPENAI_URL = "https://api.openai.com/v1"
MAX_BODY_BYTES = 2 * 2**20
"""Room for the longest answer with its reasoning; JSON takes up to fifty times as much memory."""
_MAX_ERROR_BYTES = 64 * 2**10
_CONNECT_S = 10
_OK = 200
_OF_OPENAI = re.compile(r"https://(?:[\w-]+\.)?api\.openai\.com(?::443)?(?:/|$)")
_SENT = frozenset({"accept", "content-length", "content-type", "host", "user-agent"})
_SENT_TO_OPENAI = frozenset({"openai-organization", "openai-project"})


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a server answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """At most ``MAX_BODY_BYTES``; the beginning of a longer body where the status is an error."""


class NoReply(Exception):  # noqa: N818 - a value of the protocol, no defect
    """A request got no reply.

    Attributes:
        kind: One of ``model.FAILURES``.
        told: Why, in the words of a library or of this module.
    """

    def __init__(self, kind: str, told: str) -> None:
        self.kind, self.told = kind, told
        super().__init__(told)


async def ask(
    fields: Mapping[str, Any], prompt: str, *, base_url: str, key: str, timeout_s: float
) -> Reply:
    """Send one request with a new client, so that an abandoned one leaves nothing behind.

    No redirect is followed. A proxy and certificates of the environment serve ``https`` alone.

    Args:
        fields: The body's fields besides the prompt.
        prompt: The only message.
        base_url: Address of the API.
        key: Sent to this address.
        timeout_s: Limit for connecting, and for each read; the caller limits the whole.

    Raises:
        NoReply: There was none, or none that may be read.
    """
    import openai

    # A shorter limit for connecting tells requests that were never sent from lost ones.
    timeout = openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s / 2))
    secure = base_url.startswith("https://")  # else no certificates are loaded, which takes 20 ms
    http = _client_class()(timeout=timeout, trust_env=secure, verify=secure)
    http.key, http.sent = key, headers_for(base_url)
    try:
        async with openai.AsyncOpenAI(
            api_key=key, base_url=base_url, timeout=timeout, max_retries=0, http_client=http
        ) as client:
            raw = await client.chat.completions.with_raw_response.create(
                model=fields["model"],
                messages=[{"role": "user", "content": prompt}],
                extra_body=dict(fields),
            )
            response = raw.http_response
    except openai.APIStatusError as error:
        response = error.response
    except openai.APIConnectionError as error:
        raise _no_reply(error) from None
    return Reply(status=response.status_code, headers=response.headers, body=response.content)


def headers_for(base_url: str) -> frozenset[str]:
    """Return the names of headers of the SDK that are sent to an address."""
    return _SENT | (_SENT_TO_OPENAI if _OF_OPENAI.match(base_url) else frozenset())


def _no_reply(error: Exception) -> NoReply:
    import openai

    cause = error.__cause__ or error
    if isinstance(cause, NoReply):  # older versions wrap whatever the client raises
        return cause
    if type(cause).__name__.startswith("Connect"):  # of httpx or its successor
        told = "no connection in time" if isinstance(error, openai.APITimeoutError) else repr(cause)
        return NoReply("unreachable", told)
    if isinstance(error, openai.APITimeoutError):
        return NoReply("timeout", "no answer in time")
    return NoReply("cut", repr(cause))


@functools.cache
def _client_class() -> Any:
    """Return the class of clients that send and read no more than this module says."""
    import openai

    class Bounded(openai.DefaultAsyncHttpxClient):
        key: str
        sent: frozenset[str]

        async def send(self, request: Any, **_: Any) -> Any:
            """Send what is named, follow nothing, and return a response that is read."""
            headers = {n: v for n, v in request.headers.items() if n in self.sent}
            headers |= {"authorization": f"Bearer {self.key}", "accept-encoding": "identity"}
            # A new request, since the SDK reads headers of its own when the response has come.
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
    """Return the body as it came, without decompressing anything."""
    ok = response.status_code == _OK
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        if ok:
            raise NoReply("malformed", f"a body without encoding was asked for, it is {coding}")
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
