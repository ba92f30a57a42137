"""Contributions of the prompts of each arm."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.attribution import Contribution, contributions, counts_by_run
from harness.analysis.comparison import Comparison
from harness.analysis.statistics.intervals import Interval, clustered_share
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
    by_run = counts_by_run(comparison)
    panels = {
        by: plot_style.fitting(found, lambda one: one.proposed)
        for by, found in sorted(by_label.items())
    }
    most = max(len(found) for found, _ in panels.values())
    drawn, axes = plot_style.figure(width=9.5, height=1.6 + 0.2 * most, columns=len(panels))
    for panel, (by, (found, part)) in zip(axes[0], panels.items(), strict=True):
        _draw_shares(panel, found, by_run)
        panel.set(xlabel="% of the requested children", title=f"by {plot_style.short(by)}{part}")
    titled(drawn, comparison)
    plot_style.legend(drawn, axes[0][0], 3)
    return drawn


def _draw_shares(
    axes: Any,
    found: Sequence[Contribution],
    by_run: Mapping[tuple[str, str, str], Sequence[Mapping[str, int]]],
) -> None:
    """Mark the share of children that were accepted, improved on a parent, are on the front."""
    places = range(len(found) - 1, -1, -1)
    for name, field, marker, colour in _MARKS:
        known = [_share(by_run[one.arm, one.by, one.name], field) for one in found]
        reach = [[100 * (i.mean - i.low) for i in known], [100 * (i.high - i.mean) for i in known]]
        axes.errorbar([100 * i.mean for i in known], places, xerr=reach, linestyle="none",
                      marker=marker, color=colour, markeredgecolor="black", markersize=7,
                      elinewidth=1, alpha=0.9, label=name)  # fmt: skip
    axes.set_yticks(
        places,
        [f"{plot_style.short(c.arm)}: {plot_style.short(c.name)} ({c.proposed})" for c in found],
    )
    axes.set(xlim=(-3, 103), ylim=(-0.7, len(found) - 0.3))


_MARKS = (
    ("accepted", "accepted", "o", "#BDBDBD"),
    ("improved on its parent", "improving", "s", "#0072B2"),
    ("on the final front", "on_front", "*", "#D55E00"),
)


def _share(runs: Sequence[Mapping[str, int]], field: str) -> Interval:
    """Return a share with its interval over runs, without width for a single run."""
    parts, wholes = ([run[name] for run in runs] for name in (field, "proposed"))
    share = sum(parts) / sum(wholes)
    return clustered_share(parts, wholes) or Interval(mean=share, low=share, high=share)


FIGURE = Figure(
    name="credit",
    title="Contributions of prompts",
    caption="For each label of a prompt, such as its category (numbers of children in brackets): "
    "the share of children that were accepted, that improved on their first parent in one "
    "objective without loss in the other, and that are on their run's final front. Bars are "
    "95 % intervals that resample runs, since children of one run depend on each other; they are "
    "too narrow with few runs, and one run has none. The shares are descriptive: operators act at "
    "different times, and gains are easier among the founders. Of more labels than fit, those of "
    "the most children are shown.",
    draw=_draw,
    position=4,
)
