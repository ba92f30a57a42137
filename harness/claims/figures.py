"""The figures of a paper redrawn, with published and measured values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.analysis.arm import Arm
from harness.analysis.comparison import compare
from harness.analysis.statistics.intervals import Interval
from harness.claims.judge import interval_of
from harness.claims.reproduction import Reproduction
from harness.claims.schemas.claims_file import Section
from harness.claims.statement import Statement
from harness.claims.wording import DEFAULT_KIND, format_of_claim
from harness.reporting import plot_style
from harness.reporting.figures.catalog import FIGURES
from harness.reporting.figures.looks import Look, look
from harness.reporting.formatting import axis_label, fill
from harness.tasks.base import wording_of


def write_figure(reproduction: Reproduction, section: Section, folder: Path) -> str | None:
    """Write a section's figure as PNG and PDF, or remove an outdated one; see ``name_of``.

    Returns:
        The caption, None where there is nothing to show yet.
    """
    assert section.figure is not None
    assert section.comparison is not None
    with plot_style.styled():
        drawn = _KINDS[section.figure](reproduction, section)
        if drawn is not None:
            plot_style.save(drawn, folder / name_of(section))
    if drawn is None:
        for suffix in ("png", "pdf"):
            (folder / f"{name_of(section)}.{suffix}").unlink(missing_ok=True)
        return None
    given = f"Open marks are {reproduction.paper.given}"
    arms = _arms(reproduction, section)
    missing = [name for name in reproduction.plans[section.comparison].arms if name not in arms]
    if not arms:
        return f"{given}; no arm of {section.comparison} is complete yet."
    caption = _CAPTIONS[section.figure].format(given=given)
    return f"{caption} Not run: {', '.join(missing)}." if missing else caption


def name_of(section: Section) -> str:
    """Return the name of a section's figure; the prefix keeps files that are not ours."""
    return f"claims-{section.name}"


WORDS = wording_of(DEFAULT_KIND)
_CAPTIONS = {
    "generations": "{given}. A line is the mean of an arm's runs after each generation, the area "
    "its 95 % interval, or that of one further run where a claim is of one run (with one run of "
    "ours, there is none).",
    "fronts": fill(FIGURES["pareto"].caption, WORDS),
    "sizes": "{given}. Squares are measured, means with their 95 % intervals (where every run is "
    "required, the least and the greatest): of the networks with "
    "at most so many parameters, the one that the search scored best, re-trained and scored on the "
    "test split.",
}


def _fronts(reproduction: Reproduction, section: Section) -> Any:
    """Draw the fronts of each arm after the section's generation."""
    runs = [
        run if section.generation is None else run.up_to(section.generation)
        for arm in _arms(reproduction, section).values()
        for run in arm.runs
    ]
    if not runs:
        return None
    drawn = FIGURES["pareto"].draw(compare(runs))
    plot_style.title(drawn, section.title)
    return drawn


def _generations(reproduction: Reproduction, section: Section) -> Any:
    """Draw each arm by generation: published points as open marks, our mean with its interval."""
    arms = _arms(reproduction, section)
    claims = section.curves
    drawn, ((axes,),) = plot_style.figure(height=3.9)
    for arm in dict.fromkeys(claim.arm for claim in claims):
        mine = [claim for claim in claims if claim.arm == arm]
        drawn_as = look(arm)
        last = _last_generation(arms.get(arm), mine)
        series = plot_style.short(mine[0].series)
        points = [(last if c.within.generation is None else c.within.generation, c) for c in mine]
        _published(axes, points, drawn_as,
                   label=f"{series}, {reproduction.paper.given}")  # fmt: skip
        if arm in arms:
            _measured(
                axes, mine[0], arms[arm], range(last + 1), drawn_as, label=f"{series}, measured"
            )
    axes.set(
        xlabel="generation (0: the founders)",
        ylabel=axis_label(claims[0].metric, WORDS),
        title=section.title + ("" if arms else _NOTHING_YET),
    )
    axes.set_xlim(left=-0.5, right=max(1.5, axes.get_xlim()[1]))
    plot_style.whole_numbers(axes.xaxis)
    plot_style.legend(drawn, axes)
    return drawn


_NOTHING_YET = "\nnothing measured yet"


def _published(
    axes: Any, points: Sequence[tuple[int, Statement]], drawn_as: Look, *, label: str
) -> None:
    axes.plot(
        [at for at, _ in points],
        [_height(claim, claim.published) for _, claim in points],
        markersize=6, label=label, zorder=4, **drawn_as.mark | {"fillstyle": "none"},
    )  # fmt: skip


def _measured(
    axes: Any,
    claim: Statement,
    arm: Arm,
    generations: Sequence[int],
    drawn_as: Look,
    *,
    label: str,
) -> None:
    """Draw the mean of an arm's runs after each generation, where all of them have a value."""
    found = []
    for generation in generations:
        then = replace(claim, within=replace(claim.within, generation=generation))
        values = then.values({claim.arm: arm})
        if len(values) == len(arm.finished):
            found.append((generation, interval_of(then, values) or _interval(values[0])))
    at = [generation for generation, _ in found]
    low, mean, high = (
        [_height(claim, getattr(interval, part)) for _, interval in found]
        for part in ("low", "mean", "high")
    )
    axes.plot(at, mean, label=label, marker=".", markersize=3, **drawn_as.line)
    axes.fill_between(at, low, high, color=drawn_as.color, alpha=0.15, linewidth=0)


def _interval(value: Interval | float) -> Interval:
    """Return an interval as it is, a single value as an interval without width."""
    if isinstance(value, Interval):
        return value
    return Interval(mean=value, low=value, high=value)


def _sizes(reproduction: Reproduction, section: Section) -> Any:
    """Draw score against size: published marks open, ours with its interval."""
    drawn, ((axes,),) = plot_style.figure(height=3.9)
    known, arms = section.sized, _arms(reproduction, section)
    black: dict[str, Any] = {"color": "black", "linestyle": "none"}
    for i, (claim, size) in enumerate(known):
        at = (size, 100 * claim.published)
        label = None if i else reproduction.paper.given
        axes.plot(*at, marker="o", markersize=7, markerfacecolor="white", label=label, **black)
        beside = {"xytext": (-8, 0), "textcoords": "offset points", "ha": "right", "va": "center"}
        axes.annotate(claim.says.split(", ")[0], at, fontsize=7, **beside)
    measured = [(size, reproduction.verdict(claim).measured) for claim, size in known]
    found = [(size, _interval(value)) for size, value in measured if value is not None]
    for i, (size, one) in enumerate(found):
        reach = [[100 * (one.mean - one.low)], [100 * (one.high - one.mean)]]
        label = None if i else "measured, with its 95 % interval"
        axes.errorbar(size, 100 * one.mean, reach, marker="s", capsize=3, label=label, **black)
    axes.set(
        xscale="log",
        xlabel="parameters (log scale; fewer is better)",
        ylabel=fill("{task.test_score}, {task.unit}", WORDS),
        title=section.title + ("" if found or arms else _NOTHING_YET),
    )
    axes.margins(x=0.25, y=0.15)
    plot_style.count_axis(axes.xaxis)
    plot_style.legend(drawn, axes)
    return drawn


_KINDS: Mapping[str, Callable[[Reproduction, Section], Any]] = {
    "fronts": _fronts,
    "generations": _generations,
    "sizes": _sizes,
}


def _arms(reproduction: Reproduction, section: Section) -> dict[str, Arm]:
    """Return the arms of a section's comparison of which all runs are on record."""
    assert section.comparison is not None
    return reproduction.evidence[section.comparison].complete_arms()


def _last_generation(arm: Arm | None, claims: Sequence[Statement]) -> int:
    """Return the last generation to draw: the last claimed one, or else the last of the runs."""
    claimed = [c.within.generation for c in claims if c.within.generation is not None]
    if claimed or arm is None:
        return max(claimed, default=0)
    return max((run.generations for run in arm.finished), default=1) - 1


def _height(claim: Statement, value: float) -> float:
    return format_of_claim(claim, WORDS).times * value
