"""Contributions of operators, prompts and models to the children of an arm.

Of each kind of factor, a child counts once, so that the counts of a kind add up to all children of
the arm: for its operators in their order, such as ``mating + mutation``; and for its segment, its
model and each of its labels, or for ``several`` or ``none`` of them. The labels are those that its
proposer declares, for guided variation category, character and reflection. Unfinished runs count
nowhere.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison
from harness.analysis.proposals import Candidate
from harness.analysis.run_result import RunResult
from harness.evolution import pareto
from harness.evolution.candidate import SAME_FUNCTION


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """Number of children of one arm to which one factor contributed.

    Attributes:
        comparison: Title of the comparison that the arm is part of.
        arm: Name of the arm.
        by: Kind of the factor: ``operator``, ``segment``, ``model``, a label of the proposer, or
            ``all`` for all children.
        name: The factor.
        proposed: Children that were proposed.
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
        for counts in (_counts(arm.finished, _kinds(arm)),)
        for (by, name), (proposed, same_function, accepted, improving, on_front) in sorted(
            counts.items()
        )
        if name != NONE or any(kind == by and other != NONE for kind, other in counts)
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
            for factor, counts in _counts([run], _kinds(arm)).items():
                row = dict(zip(_COUNTED, counts, strict=True))
                found.setdefault((arm.name, *factor), []).append(row)
    return found


ALL, NONE, SEVERAL = "all", "none", "several"
"""Names of all children, and of those with no factor of a kind or more than one."""
_OPERATOR, _SEGMENT, _MODEL = "operator", "segment", "model"
_COUNTED = ("proposed", "same_function", "accepted", "improving", "on_front")


def _compares_functions(arm: Arm) -> bool:
    return all(run.compares_functions for run in arm.finished)


def _kinds(arm: Arm) -> Collection[str]:
    """Return the kinds of factors that are counted for an arm."""
    labels = {by for run in arm.finished for by in run.labels.values()}
    return {_OPERATOR, _SEGMENT, _MODEL, *labels}


def _counts(runs: Sequence[RunResult], kinds: Collection[str]) -> dict[tuple[str, str], list[int]]:
    """Return the counts of ``_COUNTED`` for each kind of factor and factor."""
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
            factors = _factors(run, child)
            for factor in ((ALL, ALL), *((kind, _name(kind, factors)) for kind in kinds)):
                row = counts.setdefault(factor, [0] * len(counted))
                row[:] = [a + b for a, b in zip(row, counted, strict=True)]
    return counts


def _improves(child: pareto.Objectives | None, parents: Sequence[pareto.Objectives | None]) -> bool:
    if child is None or parents[0] is None or not pareto.dominates(child, parents[0]):
        return False
    return not any(p and (p == child or pareto.dominates(p, child)) for p in parents[1:])


def _factors(run: RunResult, child: Candidate) -> dict[str, list[str]]:
    """Return the factors of a child by kind, in their order."""
    found: dict[str, list[str]] = {}
    for variation in child.variations:
        found.setdefault(_OPERATOR, []).append(variation.operator)
        found.setdefault(_SEGMENT, []).append(variation.segment)
        for key, by in run.labels.items():
            if key in variation.detail:
                found.setdefault(by, []).append(variation.detail[key])
        for call in variation.calls:
            found.setdefault(_MODEL, []).append(run.models[call])
    return found


def _name(kind: str, factors: dict[str, list[str]]) -> str:
    """Return the one name under which a child counts among those of a kind."""
    names = list(dict.fromkeys(factors.get(kind, ())))
    if kind == _OPERATOR and names:
        return " + ".join(names)
    return names[0] if len(names) == 1 else SEVERAL if names else NONE
