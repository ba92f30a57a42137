"""The documentation of tidy data and of tables, from their columns.

``python -m harness.tidy.documentation`` prints what ends ``docs/data.md``.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from harness.reporting.tables import aligned
from harness.reporting.unrounded.fields import CSV_FIELDS, SCHEMA
from harness.terminal import say
from harness.tidy.tables import TABLES

_TYPES = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    datetime: "time",
}
_OF_TABLES = f"""\
## Comparison tables: one row an arm

These are the columns of `python -m harness.table runs --format csv` and of `table.csv`, version
{SCHEMA}, with a row for the seed network, too. So tables of any runs can be concatenated. JSON has
the same fields by table, and the first five once: a document has `title` (the column `comparison`),
`schema`, `reference`, `measure`, `standing`, and in `tables` the rows of `found`, `searched`,
`compared` and `took` (over several tasks, of `across`). `harness.table --format json` prints a list
of documents, `table.json` has one.

A number column holds numbers or is empty. `reasons` says why a number is not known, such as
`cost: unknown`, which one is of some of the completed runs alone, such as `saved: of 1 of 2 runs`,
and which one is infinite in JSON, which has no such number; CSV has `inf` and `-inf`.
"""


def documentation() -> str:
    """Return a Markdown section for each table, with a row for each column."""
    return "\n".join(_sections())


def _sections() -> Iterator[str]:
    for table in TABLES:
        yield f"## {table.name}: {table.title}\n"
        yield _table((c.name, _TYPES[c.type], c.unit, c.meaning) for c in table.columns)
    yield _OF_TABLES
    yield _table((f.name, _TYPES[f.type], f.unit, f.meaning) for f in CSV_FIELDS)


def _table(rows: Iterable[tuple[str, str, str, str]]) -> str:
    cells = [[f"`{name}`", *others] for name, *others in rows]
    return aligned([["column", "type", "unit", "content"], *cells], n_text=4) + "\n"


if __name__ == "__main__":
    say(*documentation().splitlines())
