"""Selection luck: the score that selected a network, and its scores when re-trained."""

from typing import Any

from harness.analysis.comparison import Comparison
from harness.analysis.curves.series import regressions, seed_regressions
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure
from harness.reporting.formatting import fill


def _draw(comparison: Comparison) -> Any:
    rows = [
        (place, plot_style.short(arm.name), r)
        for place, arm in enumerate(comparison.arms)
        for r in regressions(arm)
    ]
    if not rows:
        return None
    rows = [(-1, "seed network", r) for r in seed_regressions(comparison.runs)] + rows
    rows, part = plot_style.fitting(rows)
    drawn, ((axes,),) = plot_style.figure(width=7, height=1.6 + 0.24 * len(rows))
    times, labels = comparison.wording.times, set[str]()
    for i, (place, _, r) in enumerate(rows):
        y, colour = len(rows) - 1 - i, plot_style.look(place)["color"] if place >= 0 else "black"
        values = [times * v for v in (r.in_search, r.retrained, r.test) if v is not None]
        axes.plot([min(values), max(values)], [y, y], color=colour, alpha=0.6)
        for value, marker, face, label in (
            (r.in_search, "o", "white", "in the search (validation)"),
            (r.retrained, "s", colour, "re-trained (validation)"),
            (r.test, "^", "black", "re-trained (test)"),
        ):
            if value is not None:
                axes.plot(times * value, y, marker=marker, markerfacecolor=face, markersize=7,
                          markeredgecolor=colour if face != "black" else "black",
                          linestyle="none", label=None if label in labels else label)  # fmt: skip
                labels.add(label)
    axes.set_yticks(
        range(len(rows) - 1, -1, -1),
        [f"{name}, seed {plot_style.short(str(r.seed))}" for _, name, r in rows],
    )
    label = fill("{task.score} of the selected network, {task.unit}", comparison.wording)
    axes.set(xlabel=label, title=comparison.title + part)
    plot_style.legend(drawn, axes, 3)
    return drawn


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
