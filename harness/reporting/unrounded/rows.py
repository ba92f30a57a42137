"""Rows of a table as cells of fixed types, and why numbers are missing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.reporting.formatting import Values, flat, partly
from harness.reporting.unrounded.fields import FIELDS


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A row.

    Attributes:
        values: A value for each field of its table, None where it is missing.
        reasons: Why numbers are missing, or of how many runs they are where some have none, by the
            name of the field.
    """

    values: Mapping[str, Any]
    reasons: Mapping[str, str]

    @property
    def finite(self) -> "Cells":
        """The same for JSON, which has no infinite numbers: these are missing, with the reason."""
        infinite = {n: str(v) for n, v in self.values.items() if not _is_finite(v)}
        values = {n: None if n in infinite else v for n, v in self.values.items()}
        return Cells(values=values, reasons={**self.reasons, **infinite})

    @property
    def why(self) -> str | None:
        """The reasons as a text, None where there is none."""
        return "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items()) or None


def cells_of(table: str, values: Values) -> Cells:
    """Return the cells of a row.

    Args:
        table: Name of its table; one without fields of its own has what the row holds.
        values: The row.
    """
    known = flat(values)
    if table not in FIELDS:
        return Cells(values=known, reasons={})
    cells: dict[str, Any] = {"arm": known["arm"], "row": known.get("row", "arm")}
    reasons: dict[str, str] = {}
    for field in FIELDS[table]:
        value = known.get(field.name)
        if field.type is not str and isinstance(value, str):
            reasons[field.name] = value
            value = None
        elif of_runs := known.get(partly(field.name)):
            reasons[field.name] = of_runs
        cells[field.name] = None if value is None else field.type(value)
    return Cells(values=cells, reasons=reasons)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
