"""Contributions of operators, prompts and models to the children of an arm.

A child counts for every operator, segment, model and label that took part in it. The labels are
those that its proposer declares, for guided variation category, character and reflection.
Unfinished runs count nowhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.run_result import Candidate, RunResult
from harness.evolution import pareto
from harness.evolution.candidate import SAME_FUNCTION


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """Number of children of one arm to which one factor contributed.

    Attributes:
        comparison: Title of the comparison that the arm is part of.
        arm: Name of the arm.
        by: Kind of the factor: ``operator``, ``segment``, ``model`` or a label of the proposer.
        name: The factor.
        proposed: All children.
        same_function: Children that compute what an earlier network of the run computes; None
            where a run does not compare that.
        accepted: Evaluated children.
        improving: Children that dominate their first parent, and that their mate neither equals
            nor dominates.
        on_front: Children on their run's final front that the seed network does not dominate.
    """

    comparison: str
    arm: str
    by: str
    name: str
    proposed: int
    same_function: int | None
    accepted: int
    improving: int
    on_front: int


def contributions(comparison: Comparison) -> list[Contribution]:
    """Count over the finished runs of each arm; arms in their order, factors by name."""
    return [
        Contribution(
            comparison=comparison.title,
            arm=arm.name,
            by=by,
            name=name,
            proposed=proposed,
            same_function=same_function if _compares_functions(arm) else None,
            accepted=accepted,
            improving=improving,
            on_front=on_front,
        )
        for arm in comparison.arms
        for (by, name), (proposed, same_function, accepted, improving, on_front) in sorted(
            _counts(arm.finished).items()
        )
    ]


def counts_by_run(comparison: Comparison) -> dict[tuple[str, str, str], list[dict[str, int]]]:
    """Return the counts of each finished run in which a factor took part.

    Returns:
        By arm, kind of the factor and factor: a row for each run, with the fields of
        ``Contribution``.
    """
    found: dict[tuple[str, str, str], list[dict[str, int]]] = {}
    for arm in comparison.arms:
        for run in arm.finished:
            for factor, counts in _counts([run]).items():
                row = dict(zip(_COUNTED, counts, strict=True))
                found.setdefault((arm.name, *factor), []).append(row)
    return found


_COUNTED = ("proposed", "same_function", "accepted", "improving", "on_front")


def _compares_functions(arm: Arm) -> bool:
    return all(run.compares_functions for run in arm.finished)


def _counts(runs: Sequence[RunResult]) -> dict[tuple[str, str], list[int]]:
    counts: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        objectives = {c.step: c.objectives for c in run.candidates} | {"seed": run.seed_objectives}
        front = {
            c.step
            for c in run.front
            if c.objectives and not pareto.dominates(run.seed_objectives, c.objectives)
        }
        for child in run.candidates:
            improves = _improves(child.objectives, [objectives[p] for p in child.parents])
            same = child.gate == SAME_FUNCTION
            counted = (1, same, child.valid, improves, child.step in front)
            for factor in set(_factors(run, child)):
                row = counts.setdefault(factor, [0] * len(counted))
                row[:] = [a + b for a, b in zip(row, counted, strict=True)]
    return counts


def _improves(child: pareto.Objectives | None, parents: Sequence[pareto.Objectives | None]) -> bool:
    if child is None or parents[0] is None or not pareto.dominates(child, parents[0]):
        return False
    return not any(p and (p == child or pareto.dominates(p, child)) for p in parents[1:])


def _factors(run: RunResult, child: Candidate) -> Iterator[tuple[str, str]]:
    for variation in child.variations:
        yield "operator", variation.operator
        yield "segment", variation.segment
        for key, by in run.labels.items():
            if key in variation.detail:
                yield by, variation.detail[key]
        for call in variation.calls:
            yield "model", run.models[call]
