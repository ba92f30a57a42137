"""Keyword arguments as overrides in Hydra's syntax."""

import re
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any

from harness.errors import InputError

SWEPT = ("ablation", "seed")
"""Settings of which several values are several jobs."""
_PLAIN = re.compile(
    r"(?!(?:true|false|null|inf|nan)$)[A-Za-z_/.][\w/.-]*", re.IGNORECASE | re.ASCII
)
"""Text that Hydra reads as it stands."""
_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_]")


def overrides_of(overrides: Iterable[str], settings: Mapping[str, Any]) -> list[str]:
    """Return overrides, then keyword arguments as overrides; those that are None are left out.

    Args:
        overrides: In Hydra's syntax, as on the command line.
        settings: By name. A mapping has settings within: ``{"budget": {"evaluations": 4}}`` is
            ``budget.evaluations=4``. Several values of one of ``SWEPT`` are a sweep.

    Raises:
        InputError: An override is an option of the command line, or a value is of no type that a
            setting can have.
    """
    for override in overrides:
        if not isinstance(override, str) or not _OVERRIDE.match(override):
            raise InputError(
                f"{override}: expected an override such as 'recipe.epochs=1', options of the "
                f"command line are for the command line."
            )
    given = (_given(name, value) for name, value in settings.items() if value is not None)
    return [*overrides, *(one for many in given for one in many)]


def _given(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _given(f"{name}.{inner}", one)
        return
    swept = name in SWEPT and isinstance(value, Iterable) and not isinstance(value, str)
    text = ",".join(_text(name, one) for one in value) if swept else _text(name, value)
    if not text:
        raise InputError(f"{name}: expected one value or more, found none.")
    yield f"{name}={text}"


def _text(name: str, value: Any) -> str:
    """Return a value in Hydra's syntax."""
    match value:
        case None | bool():
            return "null" if value is None else str(value).lower()
        case Integral():
            return str(int(value))
        case Real():
            return repr(float(value))
        case str() | PathLike():
            text = fspath(value)
            return text if _PLAIN.fullmatch(text) else _quoted(text)
        case list() | tuple() | range():
            return f"[{','.join(_text(name, one) for one in value)}]"
    raise InputError(
        f"{name}: expected a number, a text, a path, a list or a mapping, got "
        f"{type(value).__name__}."
    )


def _quoted(text: str) -> str:
    r"""Return a text in quotes; Hydra reads ``\\`` as a backslash before a quote alone."""
    return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), text) + "'"
