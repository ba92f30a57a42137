"""Sanitisation of untrusted text for display: from servers, candidates, tools and files."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from harness.secrets import beginning_without_secrets, without_secrets

INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories: control, format, surrogate, private use, line and paragraph separators."""
REASON_CHARACTERS = 300
"""Maximum length of a reason; longer ones are truncated."""
_FOUR_DIGITS = 0xFFFF
TREES = RLock()
"""Lock of whoever builds a syntax tree in the harness: ``ast.parse``, ``inspect.signature`` of a
class without a constructor of its own, and ``numpy.load``, which parses a file's header. CPython
keeps one depth for all threads that build trees. Where a garbage collection during a parse lets
another thread parse, one of them fails with a SystemError (seen with 3.11.7; compare
cpython#106905)."""


def visible(text: str) -> str:
    r"""Return a text without keys and with escapes for invisible characters, such as ``\u202e``.

    This disables terminal sequences, bidirectional controls and lone surrogates. Line feeds and
    tabs are kept.
    """
    text = without_secrets(text)
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(map(_shown, text))


def one_line(text: str) -> str:
    """Return a text as one printable line without keys.

    White space becomes spaces, whatever else cannot be printed becomes escapes.
    """
    line = without_secrets("".join(" " if character.isspace() else character for character in text))
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else _escaped(c) for c in line)


def reason_of(text: str, most: int = REASON_CHARACTERS) -> str:
    """Return a text as one line, truncated to ``most`` characters once its keys are removed."""
    return one_line(beginning_without_secrets(text, most))[:most]


def portable(name: str) -> str:
    """Return a name as one of a file on any system: ``guided~pool:full`` as ``guided-pool-full``.

    Windows refuses a colon, and scp and rsync read a host before it.
    """
    return re.sub(r"[^\w.=+-]", "-", name)


def counted(n: int, singular: str) -> str:
    """Return a number with its noun, such as ``1 seed`` and ``2 seeds``."""
    return f"{n:,} {singular}" if n == 1 else f"{n:,} {singular}s"


def without_markup(docstring: str | None) -> str:
    """Return a docstring as the text that ``--help`` shows."""
    return (docstring or "").replace("``", "")


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Apply ``change`` to every string in plain values, keys included."""
    match value:
        case str():
            return change(value)
        case Mapping():
            return {each_text(k, change): each_text(inner, change) for k, inner in value.items()}
        case list() | tuple():
            return type(value)(each_text(inner, change) for inner in value)
    return value


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in INVISIBLE:
        return character
    return _escaped(character)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= _FOUR_DIGITS else f"\\U{code:08x}"
