"""Untrusted JSON, with limits on its size in memory, its depth and the length of its numbers.

Without limits, each two bytes (``[]``) take 64 in memory, deep nesting exhausts the stack, and long
numbers take quadratic time.
"""

import json
import math
from typing import Any, NoReturn

MOST_VALUES = 100_000
"""Limit for one text; an event has a few hundred values at most."""
MOST_DEPTH = 32
_MOST_DIGITS = 40


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: The text is not JSON, or exceeds the limits on nesting, values and numbers.
    """
    value, _ = parse_counted(text.decode("utf-8") if isinstance(text, bytes) else text)
    return value


def parse_counted(text: str) -> tuple[Any, int]:
    """Parse a JSON text as ``parse_json`` does; return the value, and how many values it holds."""
    if len(text) >= MOST_VALUES:  # a shorter one cannot have as many
        _require_few_values(text)
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise _too_deep() from None
    return value, 1 + _inner_values(value, MOST_DEPTH)


def _require_few_values(text: str) -> None:
    """Raise ValueError if a JSON text that is not parsed has too many values."""
    outside = _outside_strings(text)
    if sum(map(outside.count, "[{,:")) >= MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")


def _outside_strings(text: str) -> str:
    """Return a JSON text without its strings; one that does not end reaches to the end.

    Quotes that a backslash escapes are removed first. A backslash outside a string ends the
    parsing, so what is removed after it does not matter.
    """
    unescaped = text.replace(r"\\", "").replace(r"\"", "")
    return "".join(unescaped.split('"')[::2])


def _inner_values(value: Any, levels: int) -> int:
    """Count the keys and values in a parsed value of at most so many levels; an empty one has 1."""
    if isinstance(value, dict):
        n, inner = 2 * len(value), list(value.values())
    elif isinstance(value, list):
        n, inner = len(value), value
    else:
        return 0
    if levels == 0:
        raise _too_deep()
    return (n or 1) + sum(_inner_values(i, levels - 1) for i in inner if type(i) in _CONTAINERS)


def _too_deep() -> ValueError:
    return ValueError(f"it is nested deeper than {MOST_DEPTH} levels")


def _integer(text: str) -> int:
    return int(_short(text))


def _finite(text: str) -> float:
    number = float(_short(text))
    return number if math.isfinite(number) else _refuse(text)


def _short(text: str) -> str:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS} characters")
    return text


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"expected a finite number, got {text}")


_CONTAINERS = frozenset({dict, list})
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, parse_int=_integer)
