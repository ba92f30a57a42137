"""What is said at the end of a run: what ended its search, and whether an LLM answered."""

from collections.abc import Iterator

from harness.analysis.effort.spent import limits_reached
from harness.analysis.run_result import RunResult
from harness.reporting.notes.answers import on_unanswered

_EXPECTED = frozenset({"evaluations"})
"""Limits that say by themselves how far a run went."""


def told_of_end(run: RunResult) -> Iterator[str]:
    """Yield what ended a search that did not use up its evaluations, and what no LLM answered."""
    reached = limits_reached(run)
    if not _EXPECTED & {*reached}:
        names = " and ".join(f"budget.{name}" for name in reached)
        done = f"after {run.evaluations} of {run.horizon} evaluations"
        yield f"the search ended {done}: {names or 'the proposer had nothing left to propose'}"
    if run.unfinished and not run.calls:
        yield "WARNING: no request was sent to the LLM: the budget has no room for a single one."
    for note in on_unanswered(run):
        yield f"WARNING: {note}"
