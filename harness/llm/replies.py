"""Parser of a server's replies: each reply is a completion or a classified failure.

Malformed replies are failures, too. Labels and messages are short lines without keys.
"""

import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any

from harness.llm.model import REFUSED, Completion, Failure, credible, today
from harness.llm.transport import Reply
from harness.record.database import MOST_OF_AN_ANSWER
from harness.secrets import MASK, beginning_without_secrets
from harness.terminal import say
from harness.text import reason_of

_MESSAGE_CHARACTERS = 500
_LABEL_CHARACTERS = 200
_READ_CHARACTERS = 8192
"""How much of a text is read for a line, in which white space takes the place of one character."""
_MOST_TOKENS = 10**9
"""Above the tokens of any call: larger counts are treated as unknown."""
_LONGEST_REST_S = 7 * 24 * 3600
_IDENTIFYING_HEADERS = ("x-request-id", "openai-processing-ms", "openai-version", "server")
_SECRETS = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|key)-[\w-]{8,})|(?<=//)[^/@\s]+@")
_NO_CREDIT = re.compile(
    r"(?i)insufficient[_ ](?:quota|balance|credit)|exceeded your current quota|out of credit"
)
_NO_ANSWER = re.compile(
    r"(?i)(context.{0,20}(?:length|window|size)|prompt is too long|content.{0,3}(?:filter|policy)"
    r"|moderation|flagged)"
)
"""Matches the refusal of one prompt, as opposed to all requests."""
_STATUS_KINDS = {
    401: "key", 403: "key", 402: "quota", 408: "timeout", 409: "server", 429: "rate",
    504: "timeout", 524: "timeout",  # a proxy gave up, the server may still work
}  # fmt: skip
_OK, _REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 200, 300, 400, 500


class ReplyReader:
    """Parser of the replies of one endpoint.

    Args:
        name: Name of the requested model.
        endpoint: Name of the endpoint in messages.
    """

    def __init__(self, *, name: str, endpoint: str) -> None:
        self._name, self._endpoint = name, endpoint
        self._warned_of_usage = False

    def read(
        self, reply: Reply, *, prompt: str, applied: Mapping[str, Any], started: float
    ) -> Completion | Failure:
        """Return the completion in a reply, or the failure that it reports.

        Args:
            reply: The reply.
            prompt: The prompt that was sent.
            applied: The settings that were sent.
            started: Time of the request, by ``time.monotonic``.
        """
        if reply.status != _OK:
            return self._refusal(reply, started)
        text = reply.body.decode("utf-8-sig", "replace")
        try:
            content = json.loads(text)
            choice = content["choices"][0]
            answer = choice["message"].get("content") or ""
            # UTF-8 cannot encode lone surrogates, so a later prompt could not contain them.
            answer = answer.encode("utf-8", "backslashreplace").decode()
            reason, model = _label(choice.get("finish_reason")), _label(content.get("model"))
            prompt_tokens, completion_tokens = self._counts(content.get("usage"), prompt, answer)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return failure("malformed", f"no chat completion: {text}", started)
        headers = {name: reply.headers.get(name) for name in _IDENTIFYING_HEADERS}
        return Completion(
            text=beginning_without_secrets(answer, MOST_OF_AN_ANSWER),
            model=model or self._name,
            date=today(),
            asked=self._name,
            finish_reason=reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            latency_s=time.monotonic() - started,
            headers={name: label for name, value in headers.items() if (label := _label(value))},
            applied=applied,
        )

    def _counts(self, usage: Any, prompt: str, answer: str) -> tuple[int | None, int | None]:
        """Return prompt and completion tokens, as counted by the server; None if not credible."""
        if not usage:
            return None, None
        counts = (
            credible(_count(usage, "prompt_tokens"), prompt),
            credible(_count(usage, "completion_tokens"), answer),
        )
        if None in counts and not self._warned_of_usage:
            self._warned_of_usage = True
            say(
                f"{self._endpoint}: expected prompt_tokens and completion_tokens in usage as "
                f"numbers of tokens, found '{plain(repr(usage), _LABEL_CHARACTERS)}' for a prompt "
                f"of {len(prompt):,} characters and an answer of {len(answer):,}. In a run, such "
                f"calls are charged at the most that they may cost."
            )
        return counts

    def refused(self, why: str, *, latency_s: float) -> Completion:
        """Return a completion without text, of a prompt that the server refuses at no cost."""
        return Completion(
            text="",
            model=self._name,
            asked=self._name,
            date=today(),
            finish_reason=plain(f"{REFUSED}{why}"),
            prompt_tokens=0,
            completion_tokens=0,
            latency_s=latency_s,
        )

    def _refusal(self, reply: Reply, started: float) -> Completion | Failure:
        """Classify a reply with an error status; some refuse this prompt only."""
        status, message = reply.status, _message(reply)
        kind = _STATUS_KINDS.get(status, "server" if status >= _SERVER_ERROR else "refused")
        if status < _REDIRECT:
            kind = "malformed"
        if kind in {"refused", "key"} and (found := _NO_ANSWER.search(message)):
            latency_s = time.monotonic() - started
            return self.refused(found[0], latency_s=latency_s)
        if kind == "rate" and _NO_CREDIT.search(message):
            kind = "quota"
        rest, date = (reply.headers.get(name) for name in ("retry-after", "date"))
        return failure(kind, message, started, rest=rest, date=date)


def failure(
    kind: str,
    message: str,
    started: float,
    *,
    rest: str | None = None,
    date: str | None = None,
) -> Failure:
    """Return a failure whose message is one short line without secrets.

    Args:
        kind: One of ``model.FAILURES``.
        message: Cause, as untrusted text.
        started: Time of the request, by ``time.monotonic``.
        rest: Value of the header ``Retry-After``.
        date: Value of the header ``Date``.
    """
    message = plain(message)
    retry_after_s = None if rest is None else _seconds(rest[:_LABEL_CHARACTERS], date)
    if rest is not None and retry_after_s is None:
        message += (
            f" (expected seconds of at most a week, or a date, in Retry-After, found "
            f"'{plain(rest, _LABEL_CHARACTERS)}')"
        )
    latency_s = time.monotonic() - started
    return Failure(kind=kind, told=message, latency_s=latency_s, retry_after_s=retry_after_s)


def plain(message: str, most: int = _MESSAGE_CHARACTERS) -> str:
    """Return untrusted text as one line of at most ``most`` characters, without secrets."""
    beginning = beginning_without_secrets(message, max(most, _READ_CHARACTERS))
    return reason_of(" ".join(_SECRETS.sub(MASK, beginning).split()), most)


def _label(value: Any) -> str | None:
    """Return a server's label as one short line without secrets; None unless it is text."""
    return plain(value, _LABEL_CHARACTERS) or None if isinstance(value, str) else None


def _message(reply: Reply) -> str:
    """Return the message of a reply with an error status, as one line."""
    text = reply.body.decode("utf-8", "replace")
    if _REDIRECT <= reply.status < _CLIENT_ERROR:
        text = f"redirect to {reply.headers.get('location', 'another address')}, not followed"
    try:
        content = json.loads(text)
        error = content.get("error", content)
        parts = [error[name] for name in ("message", "code") if isinstance(error.get(name), str)]
        text = " ".join(dict.fromkeys(parts)) or text
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    return plain(f"status {reply.status}: {text}")


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if known else None


def _seconds(rest: str, date: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header; None if invalid or above a week.

    A date in it is by the server's clock, as ``date`` is. The clock here may be wrong.
    """
    try:
        seconds = float(rest)
        least = 0.0
    except ValueError:
        until, now = (_time(text) for text in (rest, (date or "")[:_LABEL_CHARACTERS]))
        if until is None:
            return None
        seconds = until - (time.time() if now is None else now)
        least = -math.inf  # a past date means no wait
    return max(0.0, seconds) if least <= seconds <= _LONGEST_REST_S else None


def _time(text: str) -> float | None:
    """Return the time that a header names, None where it names none."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, TypeError, LookupError, OSError, AttributeError):
        return None
