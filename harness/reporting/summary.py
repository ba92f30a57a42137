"""The summary at the end of a command: tables on the terminal, tables and a figure as files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.analysis.comparison import Comparison, comparisons
from harness.analysis.run_result import FRONT, RunResult
from harness.config.identity import digest_of
from harness.errors import InputError
from harness.files import file_lock, make_own_folder
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.console import show_sections
from harness.reporting.figures.catalog import draw
from harness.reporting.notes.note import Note, texts_of
from harness.reporting.tables import Document, write_tables
from harness.reporting.tracking.wandb_mirror import publish
from harness.terminal import say

_LOCK = ".comparisons.lock"
"""File that is locked while the files of a comparison are written."""


def print_comparison(
    runs: Sequence[RunResult],
    runs_dir: Path,
    tracking: Mapping[str, Any] | None = None,
    *,
    default: str | None = None,
    origin: str | None = None,
) -> None:
    """Print the tables of these runs, and write tables and figure below ``runs_dir``.

    Args:
        runs: Any runs.
        runs_dir: Where each comparison gets a folder.
        tracking: Settings of the mirror, None for none.
        default: Name of the arm that is the reference where there is no ``full``, for the runs of a
            command in their order.
        origin: A sentence on where all of these runs come from.
    """
    for comparison in comparisons(runs, default=default, ordered=default is not None):
        folder = folder_of(comparison, runs_dir)
        document = describe_comparison(comparison)
        if origin is not None:
            document = replace(document, headings=(Note(origin), *document.headings))
        with file_lock(runs_dir / _LOCK):  # another process may end at the same time
            write_tables(document, folder)
            draw("pareto", comparison, folder)
        print_tables(document)
        _print_places(comparison, folder)
        if tracking is not None:
            publish(tracking, [run.folder for run in comparison.runs], folder)


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


def print_tables(document: Document) -> None:
    """Print the tables of a document as one that fits the terminal, and its notes."""
    tables = {table.title: table.cells for table in document.shown}
    notes = [note for table in document.shown for note in table.notes]
    headline = [document.headline] if document.headline else []
    notes = [*headline, *(f"- {note}" for note in (*notes, *texts_of(document.notes)))]
    headings = texts_of(document.headings)
    show_sections(tables, title=document.title, headings=headings, notes=notes)


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
