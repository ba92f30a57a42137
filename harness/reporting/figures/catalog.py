"""The figures of a comparison, each with a sentence that says how to read it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.attribution import Credit, credits_of
from harness.analysis.run_result import RunResult
from harness.analysis.series import Band, band, funnel, regressions, seed_regressions, surface
from harness.analysis.stats import share_interval
from harness.evolution.pareto import Objectives
from harness.reporting import plot_style
from harness.reporting.comparison import Comparison


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: its name as a file, its title, how to read it, what draws it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Comparison], Any]
    """Returns the drawn figure, or None where there is nothing to show."""

    def write(self, comparison: Comparison, folder: Path) -> bool:
        """Write PNG and PDF; return whether there was anything to show."""
        with plot_style.styled():
            drawn = self.draw(comparison)
            if drawn is not None:
                plot_style.save(drawn, folder / self.name)
        return drawn is not None


def _fronts(comparison: Comparison) -> Any:
    arms = comparison.arms
    drawn, ((axes,),) = plot_style.figure(width=7, height=4.6)
    largest = max(
        n for run in comparison.runs
        for _, n in (run.seed_objectives, *(c.objectives for c in run.front if c.objectives))
    )  # fmt: skip
    for place, arm in enumerate(arms):
        bands = len(arms) <= plot_style.MANY
        _front_of(axes, arm, plot_style.look(place), bands=bands, up_to=round(1.1 * largest))
    for i, run in enumerate(_blind(comparison)):
        score, n_params = run.seed_objectives
        label = "seed network" if i == 0 else None
        axes.plot(n_params, 100 * score, "k*", markersize=12, label=label, zorder=5)
    axes.set(
        xscale="log",
        xlabel="parameters (log scale; fewer is better)",
        ylabel="validation accuracy in the search, %\n(higher is better)",
        title=comparison.title,
    )
    plot_style.count_axis(axes.xaxis)
    plot_style.legend(drawn, axes, len(arms))
    return drawn


def _front_of(axes: Any, arm: Arm, look: dict[str, Any], *, bands: bool, up_to: int) -> None:
    """Draw what half of the runs attained as a line, best to worst as an area, fronts as points."""
    runs = arm.finished or arm.runs
    for run in runs:
        points = [c.objectives for c in run.front if c.objectives]
        axes.plot([n for _, n in points], [100 * a for a, _ in points], linestyle="none",
                  marker=look["marker"], color=look["color"], alpha=0.45, markersize=4)  # fmt: skip
    best, middle, worst = (_continued(surface(arm, share), up_to) for share in (0, 0.5, 1))
    line = {key: look[key] for key in ("color", "linestyle")}
    axes.plot([n for _, n in middle], [100 * a for a, _ in middle],
              drawstyle="steps-post", zorder=3, **line)  # fmt: skip
    axes.plot([], [], label=plot_style.short(arm.name), **look)  # in the legend alone
    if bands and len(arm.finished) > 1 and best:
        sizes = sorted({n for _, n in (*best, *worst)})
        floor = min(a for run in runs for a, _ in (c.objectives for c in run.front if c.objectives))
        axes.fill_between(
            sizes,
            [_height(worst, n, floor) for n in sizes],
            [_height(best, n, floor) for n in sizes],
            step="post", color=look["color"], alpha=0.12, linewidth=0,
        )  # fmt: skip


def _continued(marks: list[Objectives], up_to: int) -> list[Objectives]:
    """Let a surface go on to the right: what is attained with fewer parameters is with more."""
    return [*marks, Objectives(marks[-1].score, up_to)] if marks else []


def _height(marks: Sequence[Objectives], size: int, floor: float) -> float:
    """Return what is attained with so many parameters; the arm's least where nothing is."""
    return 100 * max((mark.score for mark in marks if mark.n_params <= size), default=floor)


_SPENT = {
    "evaluations": "evaluations",
    "tokens": "tokens, in and out",
    "train_s": "seconds of training",
}
_REACHED = {
    "best": "best validation accuracy, %,\nat most the seed network's size",
    "hypervolume": "hypervolume",
}


def _progress(comparison: Comparison) -> Any:
    arms = [arm for arm in comparison.arms if arm.finished]
    if not arms:
        return None
    drawn, axes = plot_style.figure(width=9.5, height=5.6, rows=2, columns=3)
    for row, (height, what) in enumerate(_REACHED.items()):
        for column, (axis, spent) in enumerate(_SPENT.items()):
            one = axes[row][column]
            found = {
                place: drawn_band
                for place, arm in enumerate(comparison.arms)
                if (drawn_band := band(arm, axis=axis, height=height)) is not None
            }
            known = any(one_band.at[-1] for one_band in found.values())
            for place, one_band in found.items() if known else ():
                _step(one, one_band, plot_style.short(comparison.arms[place].name), place,
                      bands=len(arms) <= plot_style.MANY,
                      scale=100 if height == "best" else 1)  # fmt: skip
            one.set(xlabel=spent, ylabel=what if column == 0 else "")
            plot_style.from_zero(one) if known else plot_style.empty(one, "not known")
    drawn.suptitle(comparison.title, x=0.01, ha="left", fontsize=9, fontweight="bold")
    plot_style.legend(drawn, axes[0][0], len(arms))
    return drawn


def _step(axes: Any, found: Band, name: str, place: int, *, bands: bool, scale: float) -> None:
    look = plot_style.look(place)
    line = {key: look[key] for key in ("color", "linestyle")}
    if found.at[-1] == 0:  # an arm that spends none of it: where it ends, as a mark on the axis
        axes.plot([0], [scale * found.median[-1]], color=look["color"], marker=look["marker"],
                  markersize=8, clip_on=False, zorder=5)  # fmt: skip
        return
    median = [scale * v for v in found.median]
    axes.plot(found.at, median, drawstyle="steps-post", label=name, **line)
    if bands:
        low, high = ([scale * v for v in values] for values in (found.low, found.high))
        axes.fill_between(found.at, low, high, step="post", color=look["color"], alpha=0.15,
                          linewidth=0)  # fmt: skip


def _funnel(comparison: Comparison) -> Any:
    rows = [
        (f"{plot_style.short(arm.name)}: {operators or 'nothing'} ({sum(ends.values())})", ends)
        for arm in comparison.arms
        for operators, ends in funnel(arm).items()
    ]
    if not rows:
        return None
    gates = dict.fromkeys(gate for _, ends in rows for gate, _ in ends.most_common())
    gates.pop("valid", None)
    parts = [
        (name, [100 * ends[name] / sum(ends.values()) for _, ends in rows])
        for name in ("valid", *gates)
    ]
    drawn, ((axes,),) = plot_style.figure(width=8, height=1.4 + 0.26 * len(rows))
    plot_style.bars(axes, [label for label, _ in rows], parts)
    axes.set(xlabel="% of proposals", xlim=(0, 100), title=comparison.title)
    plot_style.legend(drawn, axes, min(len(parts), plot_style.MANY))
    return drawn


def _credit(comparison: Comparison) -> Any:
    labels = {by for run in comparison.runs for by in list(run.labels.values())[:2]}
    by_label: dict[str, list[Credit]] = {}
    for credit in credits_of(comparison.runs):
        if credit.by in labels:
            by_label.setdefault(credit.by, []).append(credit)
    if not by_label:
        return None
    most = max(map(len, by_label.values()))
    drawn, axes = plot_style.figure(width=9.5, height=1.6 + 0.2 * most, columns=len(by_label))
    for one, (by, found) in zip(axes[0], sorted(by_label.items()), strict=True):
        _credited(one, found)
        one.set(xlabel="% of the children asked for", title=f"by {by}")
    drawn.suptitle(comparison.title, x=0.01, ha="left", fontsize=9, fontweight="bold")
    plot_style.legend(drawn, axes[0][0], 3)
    return drawn


def _credited(axes: Any, found: Sequence[Credit]) -> None:
    """Mark what share of children was accepted, improved on its parent, and is on the front."""
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
    axes.set_yticks(places, [f"{plot_style.short(c.arm)}: {c.name} ({c.proposed})" for c in found])
    axes.set(xlim=(-3, 103), ylim=(-0.7, len(found) - 0.3))


def _regression(comparison: Comparison) -> Any:
    rows = [
        (place, plot_style.short(arm.name), r)
        for place, arm in enumerate(comparison.arms)
        for r in regressions(arm)
    ]
    if not rows:
        return None
    rows = [(-1, "seed network", r) for r in seed_regressions(comparison.runs)] + rows
    drawn, ((axes,),) = plot_style.figure(width=7, height=1.6 + 0.24 * len(rows))
    named = set[str]()
    for i, (place, _, r) in enumerate(rows):
        y, colour = len(rows) - 1 - i, plot_style.look(place)["color"] if place >= 0 else "black"
        values = [100 * v for v in (r.in_search, r.retrained, r.test) if v is not None]
        axes.plot([min(values), max(values)], [y, y], color=colour, alpha=0.6)
        for value, marker, face, label in (
            (r.in_search, "o", "white", "in the search (validation)"),
            (r.retrained, "s", colour, "re-trained (validation)"),
            (r.test, "^", "black", "re-trained (test)"),
        ):
            if value is not None:
                axes.plot(100 * value, y, marker=marker, markerfacecolor=face, markersize=7,
                          markeredgecolor=colour if face != "black" else "black",
                          linestyle="none", label=None if label in named else label)  # fmt: skip
                named.add(label)
    axes.set_yticks(
        range(len(rows) - 1, -1, -1),
        [f"{name}, seed {r.seed}" for _, name, r in rows],
    )
    axes.set(xlabel="accuracy of the pick, %", title=comparison.title)
    plot_style.legend(drawn, axes, 3)
    return drawn


def _cost(comparison: Comparison) -> Any:
    arms = [arm for arm in comparison.arms if arm.finished]
    if not arms:
        return None
    drawn, axes = plot_style.figure(width=8, height=3.9, columns=2)
    name, spent = _paid(arms)
    for one, what, of in (
        (axes[0][0], name, spent),
        (axes[0][1], "seconds of training", lambda run: run.train_s),
    ):
        for place, arm in enumerate(comparison.arms):
            look = plot_style.look(place)
            one.plot([of(run) for run in arm.finished], [run.hypervolume for run in arm.finished],
                     linestyle="none", marker=look["marker"], color=look["color"],
                     markersize=6, alpha=0.8, label=plot_style.short(arm.name))  # fmt: skip
        one.set(xlabel=f"{what}, per run", ylabel="hypervolume" if one is axes[0][0] else "")
        plot_style.from_zero(one)
    drawn.suptitle(comparison.title, x=0.01, ha="left", fontsize=9, fontweight="bold")
    plot_style.legend(drawn, axes[0][0], len(arms))
    return drawn


def _paid(arms: Sequence[Arm]) -> tuple[str, Callable[[RunResult], float]]:
    """Say what asking cost: money where every price is known, else tokens, else calls."""
    usages = [run.usage for arm in arms for run in arm.finished]
    if any(usage is None for usage in usages):
        return "LLM calls", lambda run: len(run.calls)
    if any(usage and usage.cost is None for usage in usages):
        return "tokens", lambda run: run.usage.tokens if run.usage else 0
    return "cost of the LLM", lambda run: (run.usage.cost or 0) if run.usage else 0


def _blind(comparison: Comparison) -> Iterator[RunResult]:
    """Yield the runs whose seed network was scored on validation images, where there are any."""
    blind = [run for run in comparison.runs if not run.saw_test_data]
    yield from blind or comparison.runs


FIGURES = (
    Figure(
        name="pareto",
        title="What each arm found",
        caption="Each point is a network on the front of one run: no other network of that run is "
        "as small and as accurate, and better in one of the two. The line is what half of an arm's "
        "runs attained (with one run, its front), the shaded area reaches from the worst run to "
        "the best (from the arm's lowest point, where the worst has found nothing): up and left is "
        "better. The star is the seed network.",
        draw=_fronts,
    ),
    Figure(
        name="progress",
        title="How fast",
        caption="Best accuracy and hypervolume against what had been spent: evaluations, tokens, "
        "seconds of training. Lines are medians over an arm's runs, areas reach from quartile to "
        "quartile; they begin where every run has a value, and a run that has ended stays where "
        "it is. An arm that asks no LLM is a mark at zero tokens, as high as its final median; "
        "where an LLM does not report its tokens, its arm is missing there.",
        draw=_progress,
    ),
    Figure(
        name="validity",
        title="Where proposals ended",
        caption="For each arm and operator (numbers of proposals in brackets): the share that "
        "passed every gate and trained, and the gates that refused the others.",
        draw=_funnel,
    ),
    Figure(
        name="credit",
        title="Which prompts paid",
        caption="For each category and character of a prompt (numbers of children in brackets): "
        "the share of children that were accepted, that improved on their first parent in one "
        "objective and lost in none, and that stand on their run's final front. Bars are 95 % "
        "intervals (Wilson's), as if children were independent, which those of one run are not "
        "quite.",
        draw=_credit,
    ),
    Figure(
        name="retrained",
        title="What was luck",
        caption="The pick of each run: its accuracy in the search that chose it, and the mean "
        "of its re-trainings on fresh seeds, on validation and on test images. The distance "
        "between the first two is luck, that of the choice and that of one training; the seed "
        "network, which nobody chose, shows how much the latter is.",
        draw=_regression,
    ),
    Figure(
        name="cost",
        title="What it cost",
        caption="Each point is a run: its hypervolume against what its LLM took (money where "
        "prices are known, else tokens, else calls) and against the seconds of all its trainings.",
        draw=_cost,
    ),
)


def write_figures(comparison: Comparison, folder: Path) -> list[Figure]:
    """Write every figure that has something to show, as PNG and PDF; return those."""
    return [figure for figure in FIGURES if figure.write(comparison, folder)]
