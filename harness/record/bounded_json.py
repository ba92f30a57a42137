"""Untrusted JSON: depth, numbers and size in memory are checked before it is parsed.

Without limits, each two bytes (``[]``) take 64 in memory, deep nesting exhausts the stack, and long
numbers take quadratic time.
"""

import itertools
import json
import math
import re
from typing import Any, NoReturn

MOST_VALUES = 100_000
"""Limit for one text; an event has a few hundred values at most."""
MOST_DEPTH = 32
_LONG_NUMBER = re.compile(r"[-+.\w]{41}")
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: The text is not JSON, or exceeds the limits on nesting, values and numbers.
    """
    value, _ = parse_counted(text.decode("utf-8") if isinstance(text, bytes) else text)
    return value


def parse_counted(text: str) -> tuple[Any, int]:
    """Parse a JSON text as ``parse_json`` does; return the value, and how many values it holds."""
    n = count_values(text)
    return _DECODER.decode(text), n


def count_values(text: str) -> int:
    """Count the values of a JSON text without parsing it; ValueError if it exceeds a limit."""
    outside = _outside_strings(text)
    if _LONG_NUMBER.search(outside):
        raise ValueError("a number has more than 40 characters")
    opened = outside.count("[") + outside.count("{")
    n = opened + outside.count(",") + outside.count(":") + 1
    if n > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    if opened > MOST_DEPTH and _depth(outside) > MOST_DEPTH:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels")
    return n


def _depth(outside: str) -> int:
    brackets = _NOT_BRACKETS.sub("", outside)
    return max(itertools.accumulate(map(_STEP.__getitem__, brackets)))


def _outside_strings(text: str) -> str:
    """Return a JSON text without its strings; one that does not end reaches to the end.

    Quotes that a backslash escapes are removed first. A backslash outside a string ends the
    parsing, so what is removed after it does not matter.
    """
    unescaped = text.replace(r"\\", "").replace(r"\"", "")
    return "".join(unescaped.split('"')[::2])


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"expected a finite number, got {text}")


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
