"""Text from servers, candidates, tools and files, made safe to show."""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of Unicode: control, format, surrogate, private use, line and paragraph separators."""
REASON_CHARACTERS = 300
"""A longer reason is cut."""
_FOUR_DIGITS = 0xFFFF


def visible(text: str) -> str:
    r"""Return a text with invisible characters as escapes, such as ``\u202e``.

    Terminal sequences, changes of direction and lone surrogates lose their effect. Line feeds and
    tabs stay as they are.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(map(_shown, text))


def one_line(text: str) -> str:
    """Return a text as one line: ``visible``, and each line end and tab a space."""
    return visible("".join(" " if character.isspace() else character for character in text))


def reason_of(text: str, most: int = REASON_CHARACTERS) -> str:
    """Return at most ``most`` characters of a text as one line."""
    return one_line(text[:most])[:most]


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain values with every text in them changed, names included."""
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
    code = ord(character)
    return f"\\u{code:04x}" if code <= _FOUR_DIGITS else f"\\U{code:08x}"
