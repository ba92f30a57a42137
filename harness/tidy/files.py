"""Tidy data as files: CSV, JSON or Parquet, described by a Frictionless data package."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.analysis.run_result import RunResult
from harness.config.plugins import require_extra
from harness.files import make_folder, write_atomically, write_text
from harness.reporting.formatting import spreadsheet
from harness.reporting.unrounded.column import Cell
from harness.tidy.tables import SCHEMA, TABLES, TidyTable

DESCRIPTION = "datapackage.json"
"""File that describes the others: columns, types, units."""
_FRICTIONLESS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "datetime",
}
"""Name of each type of column in a Frictionless table schema."""


def write_files(runs: Sequence[RunResult], folder: Path, style: str) -> list[Path]:
    """Write every table as a file, and what describes them; return the paths.

    Args:
        runs: The runs.
        folder: Where to write; it is created where it does not exist.
        style: One of ``STYLES``.

    Raises:
        InputError: The library that writes the format is not installed, or the folder cannot be
            written.
    """
    write = _WRITTEN[style]
    make_folder(folder)
    paths = []
    for table in TABLES:
        path = folder / f"{table.name}.{style}"
        write(table, table.cells(runs), path)
        paths.append(path)
    description = folder / DESCRIPTION
    content = json.dumps(package(style), indent=2, ensure_ascii=False)
    write_text(description, content + "\n")
    return [*paths, description]


def package(style: str) -> dict[str, Any]:
    """Return the description of the files, as a Frictionless data package."""
    return {
        "profile": "data-package",
        "name": "guided-evolution-runs",
        "version": str(SCHEMA),
        "resources": [
            {
                "name": table.name,
                "path": f"{table.name}.{style}",
                "format": style,
                "title": table.title,
                "schema": {
                    "fields": [
                        {
                            "name": column.name,
                            "type": _FRICTIONLESS[column.type],
                            "description": column.meaning,
                            **({"unit": column.unit} if column.unit else {}),
                        }
                        for column in table.columns
                    ],
                    "missingValues": [""],
                },
            }
            for table in TABLES
        ],
    }


def _write_csv(table: TidyTable, rows: Sequence[Sequence[Cell]], path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())


def _write_json(table: TidyTable, rows: Sequence[Sequence[Cell]], path: Path) -> None:
    names = [column.name for column in table.columns]
    content = [dict(zip(names, map(_plain, row), strict=True)) for row in rows]
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def _write_parquet(table: TidyTable, rows: Sequence[Sequence[Cell]], path: Path) -> None:
    require_extra("pyarrow", "--format parquet", extra="data")
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime: pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema(
        [
            pa.field(
                column.name,
                types[column.type],
                metadata={"description": column.meaning, "unit": column.unit},
            )
            for column in table.columns
        ],
        metadata={"schema": str(SCHEMA)},
    )
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in table.columns]
    arrays = [pa.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
    made = pa.Table.from_arrays(arrays, schema=schema)
    write_atomically(path, lambda file: parquet.write_table(made, file))


def _plain(cell: Cell) -> Any:
    """Return a cell as CSV and JSON have it: a time is a text in ISO 8601."""
    return cell.isoformat() if isinstance(cell, datetime) else cell


def _csv_cell(cell: Cell) -> Any:
    """Return a cell as CSV has it: a flag is ``true`` or ``false``, no text is a formula."""
    return str(cell).lower() if isinstance(cell, bool) else spreadsheet(_plain(cell))


_WRITTEN: Mapping[str, Callable[[TidyTable, Sequence[Sequence[Cell]], Path], None]] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}
STYLES = tuple(_WRITTEN)
"""Formats of files."""
