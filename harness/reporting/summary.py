"""The end of a command: show the comparison, write its table and figure, say where they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.loading import read_runs
from harness.analysis.run_result import FRONT
from harness.config.identity import digest_of
from harness.record.wandb_mirror import publish
from harness.reporting.comparison import Comparison, comparisons
from harness.reporting.console import SIDE_BY_SIDE, show_sections, show_table
from harness.reporting.figures import FIGURES
from harness.reporting.formatting import rows_of
from harness.reporting.tables import write_tables


def print_comparison(
    folders: Sequence[Path], runs_dir: Path, tracking: Mapping[str, Any] | None = None
) -> None:
    """Print the tables of these runs, and write tables and figure below ``runs_dir``."""
    for comparison in comparisons(read_runs(folders)):
        folder = folder_of(comparison, runs_dir)
        write_tables(comparison, folder)
        pareto, *_ = FIGURES
        pareto.write(comparison, folder)
        _print(comparison, folder)
        if tracking is not None:
            runs = [run.folder for run in comparison.runs]
            publish(tracking, runs, folder / "table.csv", folder / "pareto.png")


def folder_of(comparison: Comparison, runs_dir: Path) -> Path:
    """Make the folder of a set of runs, named by what it holds: no other set overwrites it."""
    name = digest_of(sorted(run.folder.name for run in comparison.runs))[:8]
    folder = runs_dir / f"comparison-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _print(comparison: Comparison, folder: Path) -> None:
    title = "\n".join([comparison.title, *comparison.headings])
    written = {table.title: rows_of(table.columns, table.rows) for table in comparison.tables}
    notes = [note for table in comparison.tables for note in table.notes]
    notes = [comparison.headline, *(f"- {note}" for note in (*notes, *comparison.notes))]
    if len({row[0] for rows in written.values() for row in rows[1:]}) < SIDE_BY_SIDE:
        show_sections(written, title=title, notes=notes)
    else:
        for heading, rows in written.items():
            show_table(rows, title=f"{title}\n{heading}", notes=[])
            title = comparison.title
        print("\n".join(notes))
    print(f"\nTables (Markdown, LaTeX, CSV, JSON): {folder}/table.*")
    print(f"Pareto plot (PNG, PDF): {folder}/pareto.*")
    print(f"All figures, and a page to read: python -m harness.report {folder.parent}")
    for run in comparison.runs:
        pick = f", the pick is {FRONT}/{run.pick.step}.py" if run.pick else ""
        print(f"{run.arm}, seed {run.seed}: journal and networks in {run.folder}{pick}")
