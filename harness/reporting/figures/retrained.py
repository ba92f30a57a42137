"""Selection luck: the score that selected a network, and its scores when re-trained."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import Regression, regressions, seed_regressions
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.figures.looks import look
from harness.reporting.formatting import fill

T = TypeVar("T")


_KINDS = (
    ("in_search", "o", "in the search (validation)"),
    ("retrained", "s", "re-trained (validation)"),
    ("test", "^", "re-trained (test)"),
)


def _draw(comparison: Comparison) -> Any:
    rows = [(arm.label, look(arm.name).color, r)
            for arm in comparison.arms for r in regressions(arm)]  # fmt: skip
    if not rows:
        return None
    rows = [("seed network", "black", r) for r in seed_regressions(comparison.runs)] + rows
    rows, part = plot_style.fitting(rows)
    drawn, ((axes,),) = plot_style.figure(height=0.9 + plot_style.height_of(len(rows)))
    values = [_values(r, comparison) for _, _, r in rows]
    limits = plot_style.limits([v for row in values for v in row.values()])
    limit = limits[0] if limits else None
    for row, (y, (_, colour, _)) in zip(values, _places(rows), strict=True):
        _draw_row(axes, y, row, colour, limit)
    _legend_of_kinds(axes, values)
    if limits is not None:
        outside = [(limits[0], y) for row, (y, _) in zip(values, _places(rows), strict=True)
                   for v in row.values() if v < limits[0]]  # fmt: skip
        least = min(v for row in values for v in row.values())
        axes.set_xlim(limits)
        plot_style.at_edge(axes, outside, f"{len(outside)} below the axis, down to {least:.4g}",
                           marker="<")  # fmt: skip
    axes.set_yticks([y for y, _ in _places(rows)],
                    [plot_style.row_label(name, f"seed {r.seed}", mark=",")
                     for name, _, r in rows])  # fmt: skip
    label = fill("{task.score} of the selected network, {task.unit}", comparison.wording)
    axes.set(xlabel=plot_style.in_lines(label), title=part, ylim=(-0.6, len(rows) - 0.4))
    plot_style.legend(drawn, axes)
    return drawn


def _places(rows: Sequence[T]) -> list[tuple[int, T]]:
    return [(len(rows) - 1 - i, row) for i, row in enumerate(rows)]


def _values(one: Regression, comparison: Comparison) -> dict[str, float]:
    """Return the known scores of a row by kind, as shown."""
    known = {name: getattr(one, name) for name, _, _ in _KINDS}
    return {name: comparison.wording.times * v for name, v in known.items() if v is not None}


def _draw_row(
    axes: Any, y: int, row: Mapping[str, float], colour: str, limit: float | None
) -> None:
    axes.plot([min(row.values()), max(row.values())], [y, y], color=colour, alpha=0.6)
    for name, marker, _ in _KINDS:
        if name in row and (limit is None or row[name] >= limit):
            axes.plot(row[name], y, linestyle="none", marker=marker, color=colour,
                      markerfacecolor=_face(name, colour))  # fmt: skip


def _legend_of_kinds(axes: Any, values: Sequence[Mapping[str, float]]) -> None:
    for name, marker, label in _KINDS:
        if any(name in row for row in values):
            axes.plot([], [], linestyle="none", marker=marker, color="black", label=label,
                      markerfacecolor=_face(name, "#8C8C8C"))  # fmt: skip


def _face(name: str, colour: str) -> str:
    return {"in_search": "white", "retrained": colour, "test": "black"}[name]


FIGURE = Figure(
    name="retrained",
    title="Selection luck",
    caption="The selected network of each run: its {task.score} in the search that selected it, "
    "and the mean of its re-trainings on fresh seeds, on {task.validation_examples} and on "
    "{task.test_examples}. The distance between the first two is luck, that of the selection and "
    "that of one training. The seed network, which no search selected, shows the latter alone.",
    draw=_draw,
    position=5,
)
