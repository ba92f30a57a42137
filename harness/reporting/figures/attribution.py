"""Contributions of the prompts of each arm."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.attribution import Contribution, contributions
from harness.analysis.comparison import Comparison
from harness.analysis.statistics.intervals import share_interval
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure, titled

_MOST_LABELS = 2
"""Labels of a proposer that fit into the figure."""


def _draw(comparison: Comparison) -> Any:
    labels = {by for run in comparison.runs for by in list(run.labels.values())[:_MOST_LABELS]}
    by_label: dict[str, list[Contribution]] = {}
    for one in contributions(comparison):
        if one.by in labels:
            by_label.setdefault(one.by, []).append(one)
    if not by_label:
        return None
    most = max(map(len, by_label.values()))
    drawn, axes = plot_style.figure(width=9.5, height=1.6 + 0.2 * most, columns=len(by_label))
    for panel, (by, found) in zip(axes[0], sorted(by_label.items()), strict=True):
        _draw_shares(panel, found)
        panel.set(xlabel="% of the requested children", title=f"by {by}")
    titled(drawn, comparison)
    plot_style.legend(drawn, axes[0][0], 3)
    return drawn


def _draw_shares(axes: Any, found: Sequence[Contribution]) -> None:
    """Mark the share of children that were accepted, improved on a parent, are on the front."""
    places = range(len(found) - 1, -1, -1)
    shares = [
        ("accepted", [c.accepted for c in found], "o", "#BDBDBD"),
        ("improved on its parent", [c.improving for c in found], "s", "#0072B2"),
        ("on the final front", [c.on_front for c in found], "*", "#D55E00"),
    ]
    for name, counts, marker, colour in shares:
        known = [share_interval(n, c.proposed) for n, c in zip(counts, found, strict=True)]
        reach = [[100 * (i.mean - i.low) for i in known], [100 * (i.high - i.mean) for i in known]]
        axes.errorbar([100 * i.mean for i in known], places, xerr=reach, linestyle="none",
                      marker=marker, color=colour, markeredgecolor="black", markersize=7,
                      elinewidth=1, alpha=0.9, label=name)  # fmt: skip
    axes.set_yticks(
        places,
        [f"{plot_style.short(c.arm)}: {plot_style.short(c.name)} ({c.proposed})" for c in found],
    )
    axes.set(xlim=(-3, 103), ylim=(-0.7, len(found) - 0.3))


FIGURE = Figure(
    name="credit",
    title="Contributions of prompts",
    caption="For each label of a prompt, such as its category (numbers of children in brackets): "
    "the share of children that were accepted, that improved on their first parent in one "
    "objective without loss in the other, and that are on their run's final front. Bars are "
    "Wilson's 95 % intervals. They treat children as independent, which those of one run are only "
    "roughly.",
    draw=_draw,
    position=4,
)
