"""The summary at the end of a command: tables on the terminal, tables and a figure as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.comparison import Comparison, comparisons
from harness.analysis.run_result import FRONT, RunResult
from harness.config.identity import digest_of
from harness.errors import InputError
from harness.files import make_own_folder
from harness.record.wandb_mirror import publish
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.console import SIDE_BY_SIDE, show_sections, show_table
from harness.reporting.figures.catalog import draw
from harness.reporting.tables import Document, write_tables
from harness.terminal import say


def print_comparison(
    runs: Sequence[RunResult], runs_dir: Path, tracking: Mapping[str, Any] | None = None
) -> None:
    """Print the tables of these runs, and write tables and figure below ``runs_dir``."""
    for comparison in comparisons(runs):
        folder = folder_of(comparison, runs_dir)
        document = describe_comparison(comparison)
        write_tables(document, folder)
        draw("pareto", comparison, folder)
        _print_tables(document)
        _print_places(comparison, folder)
        if tracking is not None:
            folders_of_runs = [run.folder for run in comparison.runs]
            publish(tracking, folders_of_runs, folder / "table.csv", folder / "pareto.png")


def folder_of(comparison: Comparison, runs_dir: Path) -> Path:
    """Create the folder of a set of runs; its name is a digest, so no other set overwrites it."""
    name = digest_of(sorted(run.folder.name for run in comparison.runs))[:8]
    folder = runs_dir / f"comparison-{name}"
    make_own_folder(folder)
    return folder


def print_left_out(sentences: Sequence[str]) -> int:
    """Print a sentence for each thing that is not in the output; return the exit status."""
    for one in sentences:
        say(f"left out: {one}", error=True)
    return InputError.exit_status if sentences else 0


def _print_tables(document: Document) -> None:
    tables = {table.title: table.cells for table in document.shown}
    notes = [note for table in document.shown for note in table.notes]
    headline = [document.headline] if document.headline else []
    notes = [*headline, *(f"- {note}" for note in (*notes, *document.notes))]
    if len({row[0] for rows in tables.values() for row in rows[1:]}) <= SIDE_BY_SIDE:
        show_sections(tables, title=document.title, headings=document.headings, notes=notes)
    else:
        headings = document.headings
        for heading, rows in tables.items():
            show_table(rows, title=document.title, headings=[*headings, heading], notes=[])
            headings = ()
        say(*notes)


def _print_places(comparison: Comparison, folder: Path) -> None:
    say(
        "",
        f"Tables (Markdown, LaTeX, CSV, JSON): {folder}/table.*",
        f"Pareto plot (PNG, PDF): {folder}/pareto.*",
        f"All figures, and a page to read: python -m harness.report {folder.parent}",
    )
    for run in comparison.runs:
        selected = (
            f", the selected network is {FRONT}/{run.selected.step}.py" if run.selected else ""
        )
        say(f"{run.arm}, seed {run.seed}: journal and networks in {run.folder}{selected}")
