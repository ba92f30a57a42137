"""Runs compared: what was found, arm against arm, what it took; from journals alone."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.arm import Arm, Values, against, arms_of, found, members, took
from harness.analysis.arm import seed_network as seed_row
from harness.analysis.loading import Below
from harness.analysis.run_result import RunResult, differing
from harness.errors import InputError, RecordError
from harness.reporting.footnotes import (
    named,
    notes_on,
    on_comparing,
    on_finding,
    on_taking,
    provenance,
)
from harness.reporting.formatting import FOUND, MEASURED, TOOK, Column, compared_by

REFERENCE = "full"


@dataclass(frozen=True, kw_only=True)
class Table:
    """One of a comparison's tables: what it is about, its columns and rows, how to read them."""

    name: str
    """``found``, ``compared`` or ``took``."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Values, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that may stand in one table: same task, network, recipe, budget; arms in their order."""

    title: str
    headings: tuple[str, ...]
    """Where the answers come from: what a reader must know before the first number."""
    tables: tuple[Table, ...]
    headline: str
    notes: tuple[str, ...]
    """What came to pass in these runs, and where the numbers come from."""
    arms: tuple[Arm, ...]
    reference: str | None
    """Name of the arm that the others are compared with."""

    @property
    def runs(self) -> tuple[RunResult, ...]:
        """All runs, arm by arm."""
        return tuple(run for arm in self.arms for run in arm.runs)


def compare(
    runs: Sequence[RunResult],
    *,
    reference: str | None = None,
    measure: str = "hypervolume",
    apart: Sequence[str] = (),
) -> Comparison:
    """Build the tables of runs that share a comparison; one row per arm and its settings.

    reference: an arm's name; where not given it is ``full``, else the first.
    apart: what sets these runs apart from those of another table, for its headings.
    """
    arms = arms_of(runs)
    manifest = runs[0].manifest
    budget = manifest.settings["budget"]
    chosen = _reference(arms, reference)
    return Comparison(
        title=f"{manifest.data.name}: up to {budget['evaluations']} evaluations per run, "
        f"{named([run.seed for run in runs])}",
        headings=tuple(dict.fromkeys([*apart, *(_heading(arm) for arm in arms)])),
        tables=(_found(arms, runs), *_compared(arms, chosen, measure), _took(arms, runs)),
        headline=_headline(arms),
        notes=(
            *_never_begun(arms, runs),
            *notes_on(runs),
            provenance({arm.name: arm.runs for arm in arms}),
        ),
        arms=tuple(arms),
        reference=chosen.name if chosen else None,
    )


def comparisons(
    runs: Sequence[RunResult], *, reference: str | None = None, measure: str = "hypervolume"
) -> list[Comparison]:
    """Split runs into those that may be compared, each tables of its own, oldest run first.

    InputError where a reference is given that one of them has not.
    """
    if not runs:
        return []
    groups: dict[str, list[RunResult]] = {}
    for run in sorted(runs, key=lambda run: run.started):
        groups.setdefault(run.manifest.comparison, []).append(run)
    first, *others = groups.values()
    return [
        compare(first, reference=reference, measure=measure),
        *(
            compare(
                group,
                reference=reference,
                measure=measure,
                apart=[
                    f"not comparable with the first table: {told}"
                    for told in differing(first[0], group[0])
                ],
            )
            for group in others
        ),
    ]


def _found(arms: Sequence[Arm], runs: Sequence[RunResult]) -> Table:
    return Table(
        name="found",
        title="What was found",
        columns=FOUND,
        rows=(seed_row(runs), *map(found, arms)),
        notes=tuple(on_finding(runs)),
    )


def _compared(arms: Sequence[Arm], reference: Arm | None, measure: str) -> list[Table]:
    """Compare all arms with one; those that saw test data are measured by another rule."""
    others = [arm for arm in arms if arm is not reference and not arm.saw_test_data]
    if reference is None or not others:
        return []
    return [
        Table(
            name="compared",
            title=f"Against {reference.name}: {MEASURED[measure]}",
            columns=compared_by(measure),
            rows=tuple(against(reference, others, measure)),
            notes=tuple(on_comparing(reference.name, len(others))),
        )
    ]


def _took(arms: Sequence[Arm], runs: Sequence[RunResult]) -> Table:
    return Table(
        name="took",
        title="What it took, per finished run",
        columns=TOOK,
        rows=tuple(row for arm in arms for row in (took(arm), *members(arm))),
        notes=tuple(on_taking(runs)),
    )


def _reference(arms: Sequence[Arm], name: str | None) -> Arm | None:
    able = {arm.name: arm for arm in arms if not arm.saw_test_data}
    if name is not None and name not in able:
        raise InputError(
            f"--reference: expected an arm of the table, one of {', '.join(able)}, got {name}."
        )
    return able.get(name or REFERENCE) or next(iter(able.values()), None)


def _heading(arm: Arm) -> str:
    study = arm.runs[0].manifest.study
    if study:
        return f"search recorded {study['date']} with {study['model']}; networks trained here"
    if models := sorted({model for run in arm.runs for model in run.models.values()}):
        return f"{arm.name}: answers by {', '.join(models)}; networks trained here"
    return f"{arm.name}: searched and trained here"


def _headline(arms: Sequence[Arm]) -> str:
    """Parameters at the seed's accuracy: on an easy task the one claim above the noise."""
    tolerance = arms[0].runs[0].manifest.settings["final"]["tolerance"]
    told = ", ".join(_saved(arm) for arm in arms if arm.finished) or "no run has ended yet"
    return (
        f"Parameters saved where the pick is within {100 * tolerance:g} point of the seed "
        f"network's validation accuracy, by the score that chose it; median over those runs: "
        f"{told}."
    )


def _saved(arm: Arm) -> str:
    """Say how much smaller the picks are that are as accurate, and in how many runs they are."""
    n, near = len(arm.finished), [run for run in arm.finished if run.within_noise]
    sizes = [
        r.pick.objectives.n_params / r.seed_objectives.n_params
        for r in near
        if r.pick and r.pick.objectives
    ]
    again = [run.holds_when_retrained for run in near]
    held = f"; when re-trained {again.count(True)}" if None not in again and again else ""
    if not sizes:
        return f"{arm.name} none (0 of {n} runs)"
    saved = 100 * (1 - statistics.median(sizes))
    word = "fewer" if saved >= 0 else "more"
    return f"{arm.name} {abs(saved):.1f} % {word} parameters ({len(near)} of {n} runs{held})"


def _never_begun(arms: Sequence[Arm], runs: Sequence[RunResult]) -> list[str]:
    every = {run.seed for run in runs}
    return [
        f"{arm.name}: no run at {named(sorted(missing))}."
        for arm in arms
        if (missing := every - {run.seed for run in arm.runs})
    ]


def tell_damaged(below: Below) -> int:
    """Name what could not be read, and return the exit status that says so."""
    for told in below.damaged:
        print(f"left out: {told}", file=sys.stderr)
    return RecordError.exit_status if below.damaged else 0
