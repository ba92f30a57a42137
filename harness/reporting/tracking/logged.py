"""What a run and a comparison log: names, units, meanings, and values from the metrics of tables.

Nothing here knows a tracking server. ``docs/wandb.md`` has these names for readers.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.curves.trajectory import Point, progress
from harness.analysis.measures import size_changes
from harness.analysis.metrics import METRICS
from harness.analysis.proposals import Candidate
from harness.analysis.run_result import RunResult
from harness.reporting.unrounded.column import Cell, Column
from harness.reporting.unrounded.fields import CSV_FIELDS

EVALUATIONS = "evaluations"
"""The step of every other number in a history, so that the curves of arms align."""
SEARCH, PROPOSAL = "search/", "proposal/"
"""Beginnings of names in a history: of the search so far, and of one proposal alone."""
_TEXTS = frozenset(field.name for field in CSV_FIELDS if field.type is str)
"""Columns of a comparison's tables that hold texts; the others hold numbers."""


def _so_far(name: str, kind: type, meaning: str, value: Callable[[Point], Cell]) -> Column[Point]:
    return Column(name=SEARCH + name, type=kind, meaning=meaning, value=value)


def _own(
    name: str, kind: type, meaning: str, value: Callable[[Candidate], Cell]
) -> Column[Candidate]:
    return Column(name=PROPOSAL + name, type=kind, meaning=meaning, value=value)


SO_FAR: tuple[Column[Point], ...] = (
    Column(
        name=EVALUATIONS,
        type=int,
        meaning="evaluations charged so far",
        value=lambda p: p.evaluations,
    ),
    _so_far(
        "best_validation",
        float,
        "best validation score of a network of at most the seed network's size, from 0 to 1",
        lambda p: p.best,
    ),
    _so_far("hypervolume", float, "hypervolume of the front", lambda p: p.hypervolume),
    _so_far("front", int, "networks on the front", lambda p: p.front),
    _so_far(
        "parameters",
        int,
        "parameters of the smallest network whose validation score is within `final.tolerance` of "
        "the seed network's",
        lambda p: p.parameters,
    ),
    _so_far("proposals", int, "proposals", lambda p: p.proposals),
    _so_far("valid", float, "valid proposals, as a share of 1", lambda p: p.valid / p.proposals),
    _so_far("duplicates", int, "proposals refused as duplicates", lambda p: p.duplicates),
    _so_far("calls", int, "answered LLM calls for the proposals", lambda p: p.calls),
    _so_far("tokens", int, "tokens of those calls, in and out", lambda p: p.tokens),
    _so_far(
        "cost", float, "cost of those calls, in the currency of `conf/prices`", lambda p: p.cost
    ),
    _so_far("train_s", float, "seconds of training of the proposals", lambda p: p.train_s),
    _so_far("search_s", float, "seconds of training and LLM of the proposals", lambda p: p.seconds),
)
"""What is logged of the search after each proposal."""

OWN: tuple[Column[Candidate], ...] = (
    _own("network", str, "its name, such as `g1.c2`", lambda c: c.step),
    _own("valid", int, "1 for a valid proposal, else 0", lambda c: int(c.valid)),
    _own("refused_by", str, "gate that refused it", lambda c: c.gate),
    _own(
        "score",
        float,
        "validation score, from 0 to 1",
        lambda c: c.objectives and c.objectives.score,
    ),
    _own("parameters", int, "parameters", lambda c: c.objectives and c.objectives.n_params),
    _own("flops", int, "FLOPs of one example", lambda c: c.flops),
    _own("train_s", float, "seconds of its training", lambda c: c.train_s if c.charged else None),
)
"""What is logged of each proposal alone."""


def history(run: RunResult) -> Iterator[dict[str, Any]]:
    """Yield a row for each proposal, in the order in which they were decided."""
    for candidate, point in zip(run.candidates, progress(run), strict=True):
        row = {one.name: one.cell(point) for one in SO_FAR}
        row |= {one.name: one.cell(candidate) for one in OWN}
        yield {name: value for name, value in row.items() if value is not None}


def summary(run: RunResult) -> dict[str, Any]:
    """Return the values of a finished run that its arm's row in a table is computed from.

    Every metric has its name in CSV and JSON, with ``seed_`` before it for the seed network. What
    is unknown is None.
    """
    seed = {f"seed_{m.name}": _mean(m.of_seed(run)) for m in METRICS.values() if m.of_seed}
    smaller, same, larger = size_changes([run])
    return {
        **seed,
        **{one.name: one.value(run) for one in METRICS.values()},
        "selected": run.selected.step if run.selected else None,
        "flops": run.selected.flops if run.selected else None,
        "seed_flops": run.seed_flops,
        "llm": ", ".join(sorted(set(run.models.values()))) or None,
        "smaller": smaller,
        "same_size": same,
        "larger": larger,
        **{f"refused/{gate}": n for gate, n in sorted(run.gates.items())},
    }


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table whose columns hold texts or numbers, and None where a value is unknown."""

    columns: Mapping[str, type]
    rows: tuple[tuple[Any, ...], ...]


def front_of(run: RunResult) -> Grid:
    """Return the networks of a run's front that were re-trained, smallest first."""
    return Grid(
        columns={
            "network": str, "role": str, "parameters": float, "flops": float,
            "validation_score": float, "test_score": float, "retrainings": float,
        },
        rows=tuple(
            (
                one.step, _role(run, one.step), one.objectives.n_params, one.flops,
                one.objectives.score, _mean(run.finals.get(one.step, ())),
                len(run.finals.get(one.step, ())),
            )
            for one in run.hall_of_fame
            if one.objectives
        ),
    )  # fmt: skip


def retrainings_of(run: RunResult) -> Grid:
    """Return the re-trainings that did not fail, each with its network and that network's role."""
    return Grid(
        columns={
            "network": str, "role": str, "number": float, "test_score": float,
            "validation_score": float, "train_s": float,
        },
        rows=tuple(
            (step, _role(run, step), k, score, _at(run.retrained, step, k),
             _at(run.retrained_s, step, k))
            for step, scores in run.finals.items()
            for k, score in enumerate(scores)
        ),
    )  # fmt: skip


def _at(values: Mapping[str, Sequence[float]], step: str, k: int) -> float | None:
    """Return a value of the k-th re-training; None in records that lack it."""
    known = values.get(step, ())
    return known[k] if k < len(known) else None


def _role(run: RunResult, step: str) -> str:
    """Return ``seed network``, ``selected`` or ``front``."""
    if step == "seed":
        return "seed network"
    return "selected" if run.selected and run.selected.step == step else "front"


def grid_of(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Return a table of a comparison, as JSON has its rows, with numbers as numbers.

    A text in a column of numbers becomes None.
    """
    columns = {n: str if n in _TEXTS else float for n in dict.fromkeys(n for r in rows for n in r)}
    return Grid(
        columns=columns,
        rows=tuple(tuple(_fitting(row.get(n), columns[n]) for n in columns) for row in rows),
    )


def _fitting(cell: Any, kind: type) -> Any:
    if kind is str:
        return None if cell is None else str(cell)
    return cell if isinstance(cell, int | float) else None
