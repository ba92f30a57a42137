"""Tidy data as frames of pandas, which is imported here alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from harness.analysis.run_result import RunResult
from harness.config.plugins import require_extra
from harness.tidy.tables import SCHEMA, TidyTable

if TYPE_CHECKING:
    import pandas as pd

DTYPES = {
    str: "string",
    int: "Int64",
    float: "float64",
    bool: "boolean",
    datetime: "datetime64[ns, UTC]",
}
"""Type of pandas for each type of column, the same also where all values are missing."""


def frame(table: TidyTable, runs: Sequence[RunResult]) -> "pd.DataFrame":
    """Return a table of runs as a frame.

    Its ``attrs`` have the version of the schema, and meaning and unit of each column.

    Raises:
        InputError: pandas is not installed.
    """
    require_extra("pandas", f"{table.name}_frame", extra="data")
    import pandas as pd

    cells = table.cells(runs)
    columns = {
        column.name: pd.Series([row[i] for row in cells], dtype=DTYPES[column.type])
        for i, column in enumerate(table.columns)
    }
    made = pd.DataFrame(columns)
    made.attrs = {
        "schema": SCHEMA,
        "meaning": {column.name: column.meaning for column in table.columns},
        "unit": {column.name: column.unit for column in table.columns if column.unit},
    }
    return made
