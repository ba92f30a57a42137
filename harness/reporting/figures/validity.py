"""Outcomes of proposals by operator."""

from typing import Any

from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import outcomes
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure


def _draw(comparison: Comparison) -> Any:
    rows = [
        (f"{plot_style.short(arm.name)}: {operators or 'nothing'} ({counts.total()})", counts)
        for arm in comparison.arms
        for operators, counts in outcomes(arm).items()
    ]
    if not rows:
        return None
    gates = dict.fromkeys(gate for _, counts in rows for gate, _ in counts.most_common())
    gates.pop("valid", None)
    parts = [
        (name, [100 * counts[name] / counts.total() for _, counts in rows])
        for name in ("valid", *gates)
    ]
    drawn, ((axes,),) = plot_style.figure(width=8, height=1.4 + 0.26 * len(rows))
    plot_style.bars(axes, [label for label, _ in rows], parts)
    axes.set(xlabel="% of proposals", xlim=(0, 100), title=comparison.title)
    plot_style.legend(drawn, axes, min(len(parts), plot_style.MANY))
    return drawn


FIGURE = Figure(
    name="validity",
    title="Outcomes of proposals",
    caption="For each arm and operator (numbers of proposals in brackets): the share that passed "
    "every gate and trained, and the gates that refused the others. Duplicates have the source of "
    "an earlier network of the run; 'same function' is another source that computes the same.",
    draw=_draw,
    position=3,
)
