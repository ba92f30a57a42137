"""Outcomes of proposals by operator."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import outcomes
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure

_MOST_GATES = 12
"""As many as this version has, and one more."""


def _draw(comparison: Comparison) -> Any:
    rows = [
        (plot_style.row_label(arm.label, f"{operators or 'nothing'} ({counts.total()})"), counts)
        for arm in comparison.arms
        for operators, counts in outcomes(arm).items()
    ]
    if not rows:
        return None
    rows, part = plot_style.fitting(rows, lambda row: row[1].total())
    parts = _shares([counts for _, counts in rows])
    drawn, ((axes,),) = plot_style.figure(height=0.9 + plot_style.height_of(len(rows)))
    plot_style.bars(axes, [name for name, _ in rows], parts)
    axes.set(xlabel="% of proposals", xlim=(0, 100), title=part)
    plot_style.legend(drawn, axes)
    return drawn


def _shares(rows: Sequence[Counter[str]]) -> list[tuple[str, list[float]]]:
    """Return the percentage of each outcome in each row; beyond a dozen gates, those of others."""
    gates = dict.fromkeys(gate for counts in rows for gate, _ in counts.most_common())
    gates.pop("valid", None)
    named = ["valid", *list(gates)[:_MOST_GATES]]
    parts = [
        (plot_style.short(name), [100 * row[name] / row.total() for row in rows]) for name in named
    ]
    if len(gates) > _MOST_GATES:
        left = [row.total() - sum(row[name] for name in named) for row in rows]
        parts.append(
            ("other gates", [100 * n / row.total() for n, row in zip(left, rows, strict=True)])
        )
    return parts


FIGURE = Figure(
    name="validity",
    title="Outcomes of proposals",
    caption="For each arm and operator (numbers of proposals in brackets): the share that passed "
    "every gate and trained, and the gates that refused the others. Duplicates have the source of "
    "an earlier network of the run; 'same function' is another source that was recognised as the "
    "same function. Of more rows than fit, those of the most proposals are shown.",
    draw=_draw,
    position=3,
)
