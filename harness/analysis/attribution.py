"""Who contributed what: ``python -m harness.credit RUNS_DIR [--format csv|json]``.

Counts the children by operator, segment, model and the labels that their proposer declares (for
guided variation: category, character, reflection): how many were accepted (evaluated), improved
(better than the first parent in one objective and worse in none, and not a copy of the mate's
values or worse), and are on their run's final front, which the seed network must not dominate. A
child of two operators counts for both. Runs that have not ended count nowhere.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from harness.analysis.run_result import Candidate, RunResult
from harness.evolution import pareto
from harness.reporting.comparison import comparisons
from harness.reporting.tables import aligned

HEADER = ("arm", "by", "name", "proposed", "accepted %", "improving %", "on the front %")


@dataclass(frozen=True, kw_only=True)
class Credit:
    """Children of one arm that one thing had a hand in, as numbers of children."""

    comparison: str
    """Title of the comparison that the arm is part of."""
    arm: str
    by: str
    """``operator``, ``segment``, ``model``, or one of the labels that the proposer declares."""
    name: str
    proposed: int
    accepted: int
    improving: int
    on_front: int


def credits_of(runs: Sequence[RunResult]) -> list[Credit]:
    """Count over the finished runs of each arm; arms in their order, the rest by name."""
    return [
        Credit(comparison=one.title, arm=arm.name, by=by, name=name,
               proposed=p, accepted=a, improving=i, on_front=f)
        for one in comparisons(runs)
        for arm in one.arms
        for (by, name), (p, a, i, f) in sorted(_counts(arm.finished).items())
    ]  # fmt: skip


def _counts(runs: Sequence[RunResult]) -> dict[tuple[str, str], list[int]]:
    counts: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        objectives = {c.step: c.objectives for c in run.candidates} | {"seed": run.seed_objectives}
        front = {c.step for c in run.front if c.objectives
                 and not pareto.dominates(run.seed_objectives, c.objectives)}  # fmt: skip
        for child in run.candidates:
            improves = _improves(child.objectives, [objectives[p] for p in child.parents])
            told = (1, child.valid, improves, child.step in front)
            for hand in set(_hands_in(run, child)):
                row = counts.setdefault(hand, [0, 0, 0, 0])
                row[:] = [a + b for a, b in zip(row, told, strict=True)]
    return counts


def _improves(child: pareto.Objectives | None, parents: Sequence[pareto.Objectives | None]) -> bool:
    if child is None or parents[0] is None or not pareto.dominates(child, parents[0]):
        return False
    return not any(p and (p == child or pareto.dominates(p, child)) for p in parents[1:])


def _hands_in(run: RunResult, child: Candidate) -> Iterator[tuple[str, str]]:
    for variation in child.variations:
        yield "operator", variation.operator
        yield "segment", variation.segment
        for key, by in run.labels.items():
            if key in variation.detail:
                yield by, variation.detail[key]
        for call in variation.calls:
            yield "model", run.models[call]


def render(found: Sequence[Credit], style: str) -> str:
    """Return the credits as ``markdown`` with shares, or as ``csv`` or ``json`` with numbers."""
    if style == "json":
        return json.dumps([vars(credit) for credit in found], indent=2, ensure_ascii=False) + "\n"
    if style == "csv":
        text = io.StringIO()
        names = list(Credit.__dataclass_fields__)
        csv.writer(text, lineterminator="\n").writerows([names, *map(astuple, found)])
        return text.getvalue()
    tables = []
    for title in dict.fromkeys(credit.comparison for credit in found):
        rows = [
            (c.arm, c.by, c.name, str(c.proposed),
             *(f"{100 * n / c.proposed:.0f}" for n in (c.accepted, c.improving, c.on_front)))
            for c in found if c.comparison == title
        ]  # fmt: skip
        tables.append(f"**{title}**\n\n{aligned([HEADER, *rows], n_text=3)}\n")
    return "\n".join(tables)
