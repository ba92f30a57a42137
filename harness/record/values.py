"""Check types and magnitudes of event fields from untrusted files.

An invalid value is refused where the file is read. Later it would break a table or reach a
terminal, without a hint of its file.
"""

import types
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

Check = Callable[[Any], None]
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
    _check_of(hint, name)(value)


@cache
def _check_of(hint: Any, name: str) -> Check:
    """Return the check of a field; kept, since many events have the same fields."""
    if hint is Any:
        return lambda _: None
    if get_origin(hint) is not None:
        return _check_of_parts(get_origin(hint), get_args(hint), name)
    if is_dataclass(hint):
        return _fields_check(cast("type", hint), name)
    if hint in {int, float}:
        return _number_check(hint, name)
    if hint is str and name not in _TEXTS:
        return _line_check(name)
    return _class_check(hint, name)


def _check_of_parts(origin: Any, hints: tuple[Any, ...], name: str) -> Check:
    """Return the check of a union, tuple or mapping."""
    if origin in {Union, types.UnionType}:
        checks = {hint: _check_of(hint, name) for hint in hints}
        first = checks[hints[0]]
        return lambda value: checks.get(type(value), first)(value)
    if origin is tuple:
        return _parts_check(tuple, iter, _check_of(hints[0], name), name)
    return _parts_check(dict, dict.values, _check_of(hints[1], _INNER), name)


def _parts_check(
    expected: type, parts: Callable[[Any], Iterable[Any]], of: Check, name: str
) -> Check:
    require_class = _class_check(expected, name)

    def check(value: Any) -> None:
        require_class(value)
        for part in parts(value):
            of(part)

    return check


def _fields_check(hint: type, name: str) -> Check:
    require_class = _class_check(hint, name)
    hints = get_type_hints(hint)
    checks = [(field.name, _check_of(hints[field.name], field.name)) for field in fields(hint)]

    def check(value: Any) -> None:
        require_class(value)
        for field, check_field in checks:
            check_field(getattr(value, field))

    return check


def _class_check(expected: type, name: str) -> Check:
    def check(value: Any) -> None:
        if type(value) is not expected:
            raise ValueError(f"{name}: expected {expected.__name__}, found {type(value).__name__}")

    return check


def _number_check(hint: type, name: str) -> Check:
    low, high = (-_MOST_NUMBER, 1.0) if name in _SCORES else (0.0, _MOST_NUMBER)

    def check(value: Any) -> None:
        if type(value) is not int and not (hint is float and type(value) is float):
            raise ValueError(f"{name}: expected {hint.__name__}, found {type(value).__name__}")
        if not low <= value <= high and name != "seed":
            raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, found {value:g}")

    return check


def _line_check(name: str) -> Check:
    require_class = _class_check(str, name)

    def check(value: Any) -> None:
        require_class(value)
        if not value.isprintable() or len(value) > LONGEST_NAME:
            raise ValueError(f"{name}: expected one printable line, found {value[:40]!a}")

    return check
