"""Removal of keys from texts of servers, libraries and messages."""

import base64
import os
import re
from functools import lru_cache
from typing import Any

from harness.text import each_text

MASK = "***"
_NAMES = re.compile(r"(?i)(?:key|token|secret|password|passwd|credentials?)$")
"""Names of environment variables whose values are treated as keys."""
_LONG = 16
"""Minimum length of a key that is also recognised in encoded form."""
_SHORTEST = 8
_GAP = frozenset(" \t\n\r\"'\\+\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")
"""Characters that may separate parts of a key that was wrapped or split into several strings."""
_kept: set[str] = set()


def keep_secret(key: str) -> None:
    """Register a key for removal, in addition to those in the environment."""
    _kept.add(key)


def without_secrets(value: Any) -> Any:
    """Return plain values with each key in their texts replaced by the mask.

    Keys are those registered by ``keep_secret``, and values of environment variables whose name
    ends in ``KEY``, ``TOKEN``, ``SECRET``, ``PASSWORD`` or ``CREDENTIALS``. A key of 16 characters
    or more is found in any letter case; wrapped or split into several strings; percent-encoded or
    with escapes of JSON or HTML; in hexadecimal; and in base64. A key of 8 to 15 characters with a
    digit and a letter is found as a whole word. Other keys stay, since they may be ordinary words,
    such as ``ollama``.
    """
    named = (value for name, value in os.environ.items() if _NAMES.search(name))
    parts = {part for secret in (*_kept, *named) for part in secret.split()}
    secrets = sorted(filter(_is_secret, parts), key=len, reverse=True)
    return each_text(value, lambda text: _without(text, secrets))


def _is_secret(part: str) -> bool:
    mixed = any(c.isdigit() for c in part) and any(c.isalpha() for c in part)
    return len(part) >= _LONG or (len(part) >= _SHORTEST and mixed)


def _without(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        for encoded in _encodings(secret):
            text = text.replace(encoded, MASK)
        text = _written(secret).sub(MASK, text)
    return text


@lru_cache(maxsize=256)
def _encodings(secret: str) -> tuple[str, ...]:
    """Return hexadecimal and base64 texts that contain the whole key, at each of three offsets."""
    if len(secret) < _LONG:
        return ()
    content = secret.encode()
    encoded = (
        encode(bytes(shift) + content).decode()[mixed : (shift + len(content)) * 8 // 6]
        # The first characters also encode bits of the preceding bytes.
        for shift, mixed in ((0, 0), (1, 2), (2, 3))
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
    )
    return tuple(dict.fromkeys([content.hex(), content.hex().upper(), *encoded]))


@lru_cache(maxsize=256)
def _written(secret: str) -> re.Pattern[str]:
    """Return a pattern that matches the key as text, with gaps and escapes."""
    if len(secret) < _LONG:
        return re.compile(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])")
    gap = "[" + re.escape("".join(sorted(_GAP - set(secret)))) + "]{0,4}"
    return re.compile(gap.join(map(_notations, secret)), re.IGNORECASE)


def _notations(character: str) -> str:
    code = ord(character)
    escapes = rf"%{code:02x}|\\u{code:04x}|\\x{code:02x}|&\#(?:{code}|x{code:x});"
    return f"(?:{re.escape(character)}|{escapes})"
