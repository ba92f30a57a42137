"""Contributions of the prompts of each arm."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.comparison import Comparison
from harness.analysis.contribution.attribution import Contribution, contributions, counts_by_run
from harness.analysis.statistics.intervals import Interval, clustered_share
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.figures.looks import look

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
    groups = {
        by: plot_style.fitting(found, lambda one: one.proposed)
        for by, found in sorted(by_label.items())
    }
    rows = sum(len(found) for found, _ in groups.values())
    drawn, axes = plot_style.figure(
        height=0.9 * len(groups) + plot_style.height_of(rows),
        rows=len(groups),
        columns=len(_MEASURES),
        share="row",
        heights=[len(found) + 1 for found, _ in groups.values()],
    )
    by_run = counts_by_run(comparison)
    names = {arm.name: arm.label for arm in comparison.arms}
    for axis, (title, _) in zip(axes[0], _MEASURES, strict=True):
        axis.set_title(title, fontweight="normal", fontsize="small")
    for row, (by, (found, part)) in zip(axes, groups.items(), strict=True):
        for axis, (_, field) in zip(row, _MEASURES, strict=True):
            _draw_shares(axis, found, [_share(by_run[o.arm, o.by, o.name], field) for o in found])
        row[0].set_yticks(
            _places(found),
            [plot_style.row_label(names[o.arm], f"{o.name} ({o.proposed})") for o in found],
        )
        row[0].set_ylabel(f"by {plot_style.short(by)}{part}", fontweight="bold")
        row[1].set_xlabel("% of children")
    return drawn


_MEASURES = (("accepted", "accepted"), ("improved", "improving"), ("on front", "on_front"))
"""Title and counts of each column of panels."""


def _places(found: Sequence[Contribution]) -> range:
    return range(len(found) - 1, -1, -1)


def _draw_shares(axes: Any, found: Sequence[Contribution], shares: Sequence[Interval]) -> None:
    """Mark the share of each row, with its interval where there is one."""
    for y, one, share in zip(_places(found), found, shares, strict=True):
        drawn = look(one.arm)
        axes.plot([100 * share.low, 100 * share.high], [y, y], color=drawn.color, linewidth=1)
        axes.plot(100 * share.mean, y, clip_on=False, zorder=3,
                  **drawn.mark | {"fillstyle": "full"})  # fmt: skip
    axes.set(
        xlim=(-3, 103),
        xticks=(0, 100) if plot_style.is_narrow() else (0, 50, 100),
        ylim=(-0.7, len(found) - 0.3),
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
