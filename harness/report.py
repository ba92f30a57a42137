"""The end of a command: show the comparison, write its table and figure, say where they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.display import show_table
from harness.figure import pareto
from harness.journal import digest_of
from harness.results import FRONT, read_runs
from harness.table import HEADER, STYLES, Comparison, comparisons, render
from harness.tracking import publish

_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}


def print_comparison(
    folders: Sequence[Path], runs_dir: Path, tracking: Mapping[str, Any] | None = None
) -> None:
    """Print the table of these runs, and write table and figure below ``runs_dir``."""
    for comparison in comparisons(read_runs(folders)):
        folder = runs_dir / f"comparison-{_name(comparison)}"
        folder.mkdir(parents=True, exist_ok=True)
        for style in STYLES:
            text = render(comparison, style)
            (folder / f"table.{_SUFFIXES[style]}").write_text(text, encoding="utf-8")
        pareto(comparison, folder / "pareto.png")
        _print(comparison, folder)
        if tracking is not None:
            runs = [run.folder for run in comparison.runs]
            publish(tracking, runs, folder / "table.csv", folder / "pareto.png")


def _print(comparison: Comparison, folder: Path) -> None:
    rows = [list(row) for row in (HEADER, *comparison.rows)]
    title = "\n".join([comparison.title, *comparison.headings])
    show_table(rows, title=title, notes=[comparison.headline, *comparison.notes])
    print(f"\nTable (Markdown, LaTeX, CSV, JSON): {folder}/table.*")
    print(f"Pareto plot: {folder / 'pareto.png'}")
    for run in comparison.runs:
        pick = f", the pick is {FRONT}/{run.pick.step}.py" if run.pick else ""
        print(f"{run.arm}, seed {run.seed}: journal and networks in {run.folder}{pick}")


def _name(comparison: Comparison) -> str:
    """Name a set of runs by what it holds, so that another set never overwrites it."""
    return digest_of(sorted(run.folder.name for run in comparison.runs))[:8]
