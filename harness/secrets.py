"""Removal of keys from texts of servers, candidates, tools, libraries and messages."""

import base64
import os
import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

MASK = "***"
_NAMES = re.compile(r"(?i)(?:key|token|secret|password|passwd|credentials?)$")
"""Names of environment variables whose values are treated as keys."""
_LONG = 16
"""Minimum length of a key that is also recognised in other spellings."""
_SHORTEST = 8
_MOST_ROUNDS, _MOST_ROUNDS_OF_A_LONG = 8, 2
"""How often keys are removed that appear as others are removed; beyond, the whole text is."""
_LONG_TEXT = 1 << 16
"""Characters beyond which a round takes so long that few are made."""
_MARGIN = 4096
"""Characters at the end of a cut text that may be the first part of a key."""
_WORDS = re.compile(r"[^\W_]+")
"""What remains of a text without separators."""
_SEPARATORS = {code: None for code in range(128) if not chr(code).isalnum()}
_ESCAPE_SYNTAX = r"""
    ["'] [\s+,()\\]+ [bfru]{1,2} ["']     # the prefix of the next string literal is no text
    | (?: %(?:25)* | \\x | \\U000000 | \\u00 | =) (?P<hex>[0-9a-f]{2})
    | \\u\{ 0* (?P<braced>[0-9a-f]{1,6}) \}
    | &\#x 0* (?P<reference>[0-9a-f]{1,6}) ;
    | &\#0* (?P<decimal>\d{1,7}) ;
    | \\ (?P<octal>[0-3]?[0-7]{2})
    | \\ [abefnrtv]
"""
"""Escapes of Python, JSON, URLs, HTML and e-mail."""
_ESCAPES = re.compile(  # the look-ahead lets the search skip most characters
    rf"(?=[\"'%\\=&]) (?:{_ESCAPE_SYNTAX})", re.VERBOSE | re.IGNORECASE
)
_ESCAPES_AND_WORDS = re.compile(
    rf"{_ESCAPE_SYNTAX} | (?P<word>[^\W_]+)", re.VERBOSE | re.IGNORECASE
)
_BASES = {"hex": 16, "braced": 16, "reference": 16, "decimal": 10, "octal": 8}
_kept: set[str] = set()


def keep_secret(key: str) -> None:
    """Register a key for removal, in addition to those in the environment."""
    _kept.add(key)


def without_secrets(text: str) -> str:
    """Return a text with each spelling of each key replaced by the mask.

    Keys are those registered by ``keep_secret``, and values of environment variables whose name
    ends in ``KEY``, ``TOKEN``, ``SECRET``, ``PASSWORD``, ``PASSWD``, ``CREDENTIAL`` or
    ``CREDENTIALS``, in any letter case. A key of 16 characters
    or more is found in any letter case, in hexadecimal, in decimal, in base32 and in base64. It is
    also found backwards, with escapes, and with any separators between its characters, such as
    quotes, commas, comment signs and line ends, unless it may be a name of several words, such as
    ``sk-no-key-required``. A key of 8 to 15 characters with a digit and a letter is found as a
    whole word. Other keys stay, since they may be ordinary words, such as ``ollama``.
    """
    if len(text) < _SHORTEST:
        return text
    named = (os.environ.get(name, "") for name in os.environ if _names_a_key(name))
    secrets = {part for secret in (*_kept, *named) for part in secret.split() if _is_secret(part)}
    ordered = sorted(secrets, key=len, reverse=True)
    spellings = frozenset(one for secret in secrets for one in _spellings(secret))
    for _ in range(_MOST_ROUNDS if len(text) <= _LONG_TEXT else _MOST_ROUNDS_OF_A_LONG):
        before, text = text, _removed(text, ordered, spellings)
        if text == before:  # else the parts of another key may be next to each other now
            return text
    return MASK


def beginning_without_secrets(text: str, most: int) -> str:
    """Return the first ``most`` characters of a text without secrets, in time that these take.

    A longer text is cut a margin later, which is removed afterwards: no part of a key remains.
    """
    if len(text) <= most + _MARGIN:
        return without_secrets(text)[:most]
    cut = without_secrets(text[: most + _MARGIN])
    return cut if cut == MASK else cut[:-_MARGIN]


def _removed(text: str, secrets: list[str], spellings: frozenset[str]) -> str:
    for secret in secrets:
        text = _verbatim(secret).sub(MASK, text)
    if spellings and _has(text, spellings):
        text = _masked(text, _WORDS, spellings)
    if spellings and _has(_ESCAPES.sub(_piece, text), spellings):
        text = _masked(text, _ESCAPES_AND_WORDS, spellings)
    return text


@lru_cache(maxsize=4096)
def _names_a_key(variable: str) -> bool:
    return _NAMES.search(variable) is not None


def _is_secret(part: str) -> bool:
    return len(part) >= _LONG or (len(part) >= _SHORTEST and _is_mixed(part))


def _is_mixed(part: str) -> bool:
    return any(c.isdigit() for c in part) and any(c.isalpha() for c in part)


@lru_cache(maxsize=256)
def _verbatim(secret: str) -> re.Pattern[str]:
    if len(secret) < _LONG:
        return re.compile(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])")
    return re.compile(re.escape(secret), re.IGNORECASE)


@lru_cache(maxsize=256)
def _spellings(secret: str) -> frozenset[str]:
    """Return the texts that contain a long key, folded and without separators."""
    if len(secret) < _LONG:
        return frozenset()
    content = secret.encode(errors="surrogateescape")
    found = {content.hex(), "".join(f"0x{byte:x}" for byte in content), "".join(map(str, content))}
    for encode, bits, shifts in ((base64.b64encode, 6, 3), (base64.b32encode, 5, 5)):
        for shift in range(shifts):
            # The first and the last character may also encode bits of the bytes around the key.
            first, end = -(-shift * 8 // bits), (shift + len(content)) * 8 // bits
            found.add(encode(bytes(shift) + content).decode()[first:end])
    if (_is_mixed(secret) or secret.isalpha()) and len(set(secret)) >= _SHORTEST:
        found |= {secret, secret[::-1]}
    return frozenset(one for text in found if len(one := _squeezed(text)) >= _SHORTEST)


def _squeezed(text: str) -> str:
    """Return a text without separators, in one letter case."""
    if text.isascii():
        return text.translate(_SEPARATORS).lower()
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(_WORDS.findall(folded))


def _has(text: str, spellings: frozenset[str]) -> bool:
    squeezed = _squeezed(text)
    return any(one in squeezed for one in spellings)


def _masked(text: str, parts: re.Pattern[str], spellings: frozenset[str]) -> str:
    """Replace the spellings in the joined parts of a text, along with all between their parts."""
    matches = list(parts.finditer(text))
    pieces = list(map(_piece, matches))
    joined = "".join(pieces)
    spans = [span for one in spellings for span in _spans(joined, one)]
    if not spans:
        return text
    starts = list(accumulate(map(len, pieces), initial=0))
    kept, place = [], 0
    for first, last in sorted(spans):
        begin = _place(first, matches, pieces, starts)[0]
        end = _place(last, matches, pieces, starts)[1]
        if begin >= place:
            kept += [text[place:begin], MASK]
        place = max(place, end)
    return "".join([*kept, text[place:]])


def _piece(match: re.Match[str]) -> str:
    """Return what an escape or a word stands for."""
    if match.re is _WORDS or match.lastgroup == "word":
        return _squeezed(match[0])
    if match.lastgroup is None:
        return ""
    code = int(match[match.lastgroup], _BASES[match.lastgroup])
    return _squeezed(chr(code)) if code <= sys.maxunicode else ""


def _spans(joined: str, spelling: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index of each occurrence."""
    place = joined.find(spelling)
    while place >= 0:
        yield place, place + len(spelling) - 1
        place = joined.find(spelling, place + len(spelling))


def _place(
    index: int, matches: list[re.Match[str]], pieces: list[str], starts: list[int]
) -> tuple[int, int]:
    """Return begin and end, in the text, of the character at an index of the joined parts."""
    i = bisect_right(starts, index) - 1
    begin, end = matches[i].span()
    if len(pieces[i]) != end - begin:  # an escape, or a word that folding made longer
        return begin, end
    begin += index - starts[i]
    return begin, begin + 1
