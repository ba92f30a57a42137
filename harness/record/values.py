"""Check types and magnitudes of event fields from untrusted files.

An invalid value is refused where the file is read. Later it would break a table or reach a
terminal, without a hint of its file.
"""

import types
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

_MOST_NUMBER = 1e15
"""Upper limit of numbers in events, except settings: sums and products stay finite."""
LONGEST_NAME = 1_000
"""Most characters of a text that is no free text, such as the name of a model."""
_INNER = "value"
"""Name of a mapping's values in messages."""
_TEXTS = frozenset({"answer", "prompt", "reason", "source", "told", _INNER})
"""Fields with text of a server, a candidate or a tool: any characters, any length."""
_SCORES = frozenset({"score", "validation", "chance", "outcome", "measured"})
"""Fields of scores, which may be negative; 1 is perfect."""


def require(value: Any, hint: Any, name: str = "") -> None:
    """Raise ValueError unless a value has the type of a field and a plausible magnitude.

    Args:
        value: The value.
        hint: Annotation of the field; nested values are checked, too.
        name: Name of the field.
    """
    if hint is Any:
        return
    if get_origin(hint) is not None:
        _require_parts(value, get_origin(hint), get_args(hint), name)
    elif is_dataclass(hint):
        _require_class(value, hint, name)
        for field, field_hint in _fields(value.__class__):
            require(getattr(value, field), field_hint, field)
    elif hint in {int, float}:
        _require_number(value, hint, name)
    else:
        _require_class(value, hint, name)
        if hint is str and name not in _TEXTS:
            _require_line(value, name)


def _require_parts(value: Any, origin: Any, hints: tuple[Any, ...], name: str) -> None:
    """Check a value annotated as a union, tuple or mapping."""
    if origin in {Union, types.UnionType}:
        matching = [hint for hint in hints if type(value) is hint]
        require(value, matching[0] if matching else hints[0], name)
    elif origin is tuple:
        _require_class(value, tuple, name)
        for item in value:
            require(item, hints[0], name)
    else:
        _require_class(value, dict, name)
        for item in value.values():
            require(item, hints[1], _INNER)


@lru_cache
def _fields(of: type) -> list[tuple[str, Any]]:
    hints = get_type_hints(of)
    return [(field.name, hints[field.name]) for field in fields(of)]


def _require_class(value: Any, expected: Any, name: str) -> None:
    if type(value) is not expected:
        raise ValueError(f"{name}: expected {expected.__name__}, found {type(value).__name__}")


def _require_number(value: Any, hint: type, name: str) -> None:
    if type(value) is not int and not (hint is float and type(value) is float):
        raise ValueError(f"{name}: expected {hint.__name__}, found {type(value).__name__}")
    if name == "seed":
        return
    low, high = (-_MOST_NUMBER, 1.0) if name in _SCORES else (0.0, _MOST_NUMBER)
    if not low <= value <= high:
        raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, found {value:g}")


def _require_line(value: str, name: str) -> None:
    if not value.isprintable() or len(value) > LONGEST_NAME:
        raise ValueError(f"{name}: expected one printable line, found {value[:40]!a}")
