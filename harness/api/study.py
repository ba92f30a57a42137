"""Runs as a user of the package has them: frames, files, comparisons, tables, plots."""

import html
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from harness.analysis.comparison import Comparison, comparisons
from harness.analysis.run_result import RunResult
from harness.api.difference import Difference, differences_of
from harness.errors import InputError
from harness.reporting import plot_style
from harness.reporting.figures.catalog import FIGURES
from harness.reporting.paper.choice import Choice, chosen, described, names_of
from harness.reporting.paper.floats import PLACES
from harness.reporting.tables import STYLES, render_all
from harness.text import counted
from harness.tidy.files import STYLES as FORMATS
from harness.tidy.files import write_files
from harness.tidy.frames import frame
from harness.tidy.tables import CALLS, EVALUATIONS, RUNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SHOWN = ("arm", "seed", "complete", "evaluations", "saved", "test_score", "parameters")
"""Columns of a run that a notebook shows."""
_MOST_SHOWN = 60


class Runs(Sequence[RunResult]):
    """Runs, finished or not, as ``harness.run`` and ``harness.load`` return them.

    A sequence of runs. Choose some of them by a comprehension:
    ``Runs(run for run in runs if run.arm != "nas")``.

    Args:
        runs: The runs.
        damaged: A sentence for each run that could not be read.

    Attributes:
        damaged: A sentence for each run that could not be read.
    """

    def __init__(self, runs: Iterable[RunResult], *, damaged: Iterable[str] = ()) -> None:
        self._runs = tuple(runs)
        self.damaged = tuple(damaged)

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int) -> RunResult: ...
    @overload
    def __getitem__(self, index: slice) -> "Runs": ...
    def __getitem__(self, index: int | slice) -> "RunResult | Runs":
        return Runs(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __repr__(self) -> str:
        arms = ", ".join(dict.fromkeys(run.arm for run in self._runs)) or "no arm"
        complete = sum(run.complete for run in self._runs)
        return f"<{counted(len(self), 'run')}, {complete} complete: {plot_style.short(arms)}>"

    def runs_frame(self) -> "pd.DataFrame":
        """Return a frame with one row a run; ``docs/data.md`` has its columns.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(RUNS, self._runs)

    def evaluations_frame(self) -> "pd.DataFrame":
        """Return a frame with one row a proposal, evaluated or refused.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(EVALUATIONS, self._runs)

    def calls_frame(self) -> "pd.DataFrame":
        """Return a frame with one row an answered LLM call.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(CALLS, self._runs)

    def write_data(self, folder: str | PathLike[str], style: str = "csv") -> list[Path]:
        """Write the same tables as files, as ``python -m harness.data`` does.

        Args:
            folder: Where to write.
            style: ``csv``, ``json`` or ``parquet``.

        Returns:
            The paths of the files.

        Raises:
            InputError: There is no such format, it needs a library that is not installed, or the
                folder cannot be written.
        """
        return write_files(self._runs, Path(folder), _one_of(FORMATS, style, "style"))

    def compare(
        self, *, reference: str | None = None, measure: str | None = None
    ) -> list[Difference]:
        """Compare the arms with a reference, as the comparison table does.

        Args:
            reference: Name of the arm that the others are compared with; by default ``full``, or
                else the first arm.
            measure: Metric to compare by; by default the primary measure of the runs. Any other is
                exploratory.

        Returns:
            A difference for each other arm of each comparison. ``pandas.DataFrame(...)`` of it is a
            frame.

        Raises:
            InputError: There is no such arm or metric.
        """
        return differences_of(self._runs, reference=reference, measure=measure)

    def table(
        self,
        style: str = "markdown",
        *,
        reference: str | None = None,
        measure: str | None = None,
        arms: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        columns: Iterable[str] = (),
        width: str = "page",
    ) -> str:
        """Return the comparison tables as text, as ``python -m harness.table`` prints them.

        Args:
            style: ``markdown``, ``latex``, ``csv`` or ``json``.
            reference: See ``compare``.
            measure: See ``compare``.
            arms: Names of the arms to show, in their order, by default all. No number changes.
            labels: What readers see in place of the names of arms.
            columns: Names of the columns to show, in their order, by default all.
            width: ``column`` or ``page`` of a paper, which tables in LaTeX fit.

        Raises:
            InputError: There is no such format, arm, metric, column or width, or CSV and JSON are
                to have labels or chosen columns.
        """
        found = comparisons(self._runs, reference=reference)
        known = names_of(found)
        choice = Choice(
            arms=chosen(_names(arms, "arms"), known),
            labels=labels or {},
            columns=_names(columns, "columns"),
        )
        choice.check(known, style=_one_of(STYLES, style, "style"))
        documents = described(found, choice, measure=measure)
        return render_all(documents, style, place=_one_of(PLACES, width, "width"))

    def plot(
        self,
        figure: str = "pareto",
        *,
        ax: "Axes | None" = None,
        arms: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
    ) -> "Axes":
        """Draw a figure of the report on axes.

        Args:
            figure: ``pareto`` (fronts), ``progress`` (hypervolume after each evaluation) or
                ``targets`` (share of targets reached after each evaluation).
            ax: Axes of yours; by default those of a new figure.
            arms: See ``table``; an arm looks the same whatever others are shown.
            labels: See ``table``.

        Returns:
            The axes.

        Raises:
            InputError: There is no such figure or arm, nothing to show, or runs that may not be
                compared.
        """
        able = {name: one.draw_on for name, one in FIGURES.items() if one.draw_on is not None}
        draw = able[_one_of(able, figure, "figure")]
        whole = self._one_comparison()
        known = names_of([whole])
        choice = Choice(arms=chosen(_names(arms, "arms"), known), labels=labels or {})
        choice.check(known)
        comparison = choice.of_comparison(whole)
        axes: Any = plot_style.shown_axes() if ax is None else ax
        if not draw(axes, comparison):
            raise InputError(f"{figure}: expected a complete run, found none.")
        axes.set_title(comparison.title)
        axes.legend(fontsize="small")
        return axes  # type: ignore[no-any-return]

    def _one_comparison(self) -> Comparison:
        found = comparisons(self._runs)
        if len(found) != 1:
            titles = "; ".join(one.title for one in found) or "none"
            raise InputError(
                f"plot: expected runs of one comparison, found {len(found)} ({titles}). Choose "
                f"runs: harness.Runs(run for run in runs if ...)."
            )
        return found[0]

    def _repr_html_(self) -> str:
        """Return a table of the runs, which notebooks show."""
        names = [column.name for column in RUNS.columns]
        rows = [dict(zip(names, row, strict=True)) for row in RUNS.cells(self._runs[:_MOST_SHOWN])]
        lines = ["".join(f"<th>{name}</th>" for name in _SHOWN)]
        lines += ["".join(f"<td>{_shown(row[name])}</td>" for name in _SHOWN) for row in rows]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<p>{html.escape(repr(self))}</p><table>{body}</table>"


def _shown(cell: object) -> str:
    return html.escape("" if cell is None else f"{cell:.4g}" if type(cell) is float else str(cell))


def _names(given: Iterable[str], what: str) -> tuple[str, ...]:
    """Return names; InputError for one text, whose characters would be taken for names."""
    if isinstance(given, str):
        raise InputError(f"{what}: expected a list of names, got a text. Write {what}=[{given!r}].")
    return tuple(given)


def _one_of(known: Iterable[str], name: str, what: str) -> str:
    if name not in known:
        raise InputError(f"{what}: expected one of {', '.join(known)}, got {name}.")
    return name
