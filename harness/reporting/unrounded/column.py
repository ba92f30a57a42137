"""A column of unrounded data: its name, its type, its unit, and how its cells are computed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from harness.text import one_line

T = TypeVar("T")
Cell = str | int | float | bool | datetime | None
"""A value, None where it is missing."""
_MOST_INTEGER = 2**63 - 1
_LATEST_S = 9_000_000_000
"""In the year 2255; frames of pandas end in 2262."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a column holds.

    Attributes:
        name: Its name, in frames and files.
        type: ``str``, ``int``, ``float``, ``bool`` or ``datetime``.
        meaning: What it holds, without a full stop.
        unit: Unit of a number, empty for texts, flags and pure numbers.
    """

    name: str
    type: type
    meaning: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Column(Field, Generic[T]):
    """A field that is computed by itself.

    Attributes:
        value: From what a row is about to the cell; None where the value is missing.
    """

    value: Callable[[T], Cell]

    def cell(self, row: T) -> Cell:
        """Return the cell of a row, of the type of the column.

        Missing is also what the type cannot hold, since records of others may have any settings.
        """
        value = self.value(row)
        return None if value is None else _TYPED[self.type](value)


def _text(value: Any) -> str:
    return one_line(str(value))


def _integer(value: Any) -> int | None:
    fits = _is_number(value) and value == int(value) and abs(value) <= _MOST_INTEGER
    return int(value) if fits else None


def _number(value: Any) -> float | None:
    return float(value) if _is_number(value) else None


def _time(value: Any) -> datetime | None:
    fits = _is_number(value) and 0 <= value <= _LATEST_S
    return datetime.fromtimestamp(value, UTC) if fits else None


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and abs(value) < math.inf


_TYPED: Mapping[type, Callable[[Any], Cell]] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: bool,
    datetime: _time,
}
