"""Who contributed what: ``python -m harness.credit RUNS_DIR [--format csv|json]``.

Counts the children by operator, category, character, segment and model that had a hand in them:
how many were accepted (evaluated), improved on their first parent (better in one objective, worse
in none), and are on their run's final front. A child of two operators counts for both.
"""

import argparse
import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from harness import fitness
from harness.errors import HarnessError
from harness.results import Candidate, RunResult, runs_below
from harness.table import aligned

HEADER = ("arm", "by", "name", "proposed", "accepted %", "improving %", "on the front %")
_DETAILS = {"category": "category", "character": "character", "eot": "reflection"}
"""Choices of a proposer that are counted, and what they are called."""


@dataclass(frozen=True, kw_only=True)
class Credit:
    """Children of one arm that one thing had a hand in, as numbers of children."""

    arm: str
    by: str
    """``operator``, ``segment``, ``category``, ``character``, ``reflection`` or ``model``."""
    name: str
    proposed: int
    accepted: int
    improving: int
    on_front: int


def credits_of(runs: Sequence[RunResult]) -> list[Credit]:
    """Count over all runs of each arm; arms in the order of the runs, the rest by name."""
    counts: dict[tuple[str, str, str], list[int]] = {}
    for run in runs:
        objectives = {c.step: c.objectives for c in run.candidates} | {"seed": run.seed_objectives}
        front = {candidate.step for candidate in run.front}
        for child in run.candidates:
            parent = objectives[child.parents[0]]
            improves = child.objectives and parent and fitness.dominates(child.objectives, parent)
            told = (1, child.objectives is not None, bool(improves), child.step in front)
            for by, name in sorted(set(_hands_in(run, child))):
                row = counts.setdefault((run.arm, by, name), [0, 0, 0, 0])
                row[:] = [a + b for a, b in zip(row, told, strict=True)]
    arms = list(dict.fromkeys(run.arm for run in runs))
    ordered = sorted(counts, key=lambda key: (arms.index(key[0]), *key[1:]))
    return [
        Credit(arm=arm, by=by, name=name, proposed=p, accepted=a, improving=i, on_front=f)
        for arm, by, name in ordered for p, a, i, f in [counts[arm, by, name]]
    ]  # fmt: skip


def _hands_in(run: RunResult, child: Candidate) -> Iterator[tuple[str, str]]:
    for variation in child.variations:
        yield "operator", variation["operator"]
        yield "segment", variation["segment"]
        for key, by in _DETAILS.items():
            if key in variation["detail"]:
                yield by, variation["detail"][key]
        for call in variation["calls"]:
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
    rows = [
        (c.arm, c.by, c.name, str(c.proposed),
         *(f"{100 * n / c.proposed:.0f}" for n in (c.accepted, c.improving, c.on_front)))
        for c in found
    ]  # fmt: skip
    return aligned([HEADER, *rows], n_text=3) + "\n"


def main() -> None:
    """Print who contributed what to the children of all runs below a folder."""
    parser = argparse.ArgumentParser(prog="python -m harness.credit", description=main.__doc__)
    parser.add_argument("runs_dir", type=Path)
    parser.add_argument(
        "--format", choices=("markdown", "csv", "json"), default="markdown", dest="style"
    )
    arguments = parser.parse_args()
    try:
        found = credits_of(runs_below(arguments.runs_dir))
    except HarnessError as error:
        parser.exit(error.exit_status, f"error: {error}\n")
    print(render(found, arguments.style), end="")


if __name__ == "__main__":
    main()
