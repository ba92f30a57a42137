"""The tables of tidy data: one row a run, one a proposal, one an LLM call."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.run_result import RunResult
from harness.reporting.unrounded.column import Cell, Column
from harness.tidy.call_rows import CALL_COLUMNS, call_rows
from harness.tidy.evaluation_rows import EVALUATION_COLUMNS, evaluation_rows
from harness.tidy.run_rows import RUN_COLUMNS, RunRow, run_rows

SCHEMA = 1
"""Version of the columns; a column that is renamed, dropped or of another type makes a new one."""


@dataclass(frozen=True, kw_only=True)
class TidyTable:
    """One table.

    Attributes:
        name: Its name, and that of its file.
        title: What a row is.
        columns: Its columns, in their order.
        rows_of: From a run to what its rows are about.
    """

    name: str
    title: str
    columns: tuple[Column[Any], ...]
    rows_of: Callable[[RunRow], Iterator[Any]]

    def cells(self, runs: Sequence[RunResult]) -> list[list[Cell]]:
        """Return the cells of each row, in the order of the columns."""
        return [
            [column.cell(row) for column in self.columns]
            for run in run_rows(runs)
            for row in self.rows_of(run)
        ]


RUNS = TidyTable(
    name="runs", title="one row a run", columns=RUN_COLUMNS, rows_of=lambda row: iter([row])
)
EVALUATIONS = TidyTable(
    name="evaluations",
    title="one row a proposal, whether it was evaluated or refused",
    columns=EVALUATION_COLUMNS,
    rows_of=evaluation_rows,
)
CALLS = TidyTable(
    name="calls", title="one row an answered LLM call", columns=CALL_COLUMNS, rows_of=call_rows
)
TABLES = (RUNS, EVALUATIONS, CALLS)
