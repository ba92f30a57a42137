"""Where the next attempt at a run goes on."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from harness.config.schema import Budget
from harness.errors import RecordError
from harness.evolution.candidate import is_charged
from harness.record.event import Event
from harness.record.events import (
    ChildDecided,
    GenerationEnded,
    NetworkTrained,
    ReferenceEvaluated,
)
from harness.record.journal import JOURNAL_NAME, read_events

_RETRAININGS = "the re-trainings"
_FINAL = "final"
"""Purpose of a training that comes after the search."""


def told_of_resumption(known: Sequence[Event], budget: Budget) -> str:
    """Return a line on what is kept of a run that was interrupted, and where it goes on."""
    return f"{len(known)} events kept, going on at {_goes_on_at(known, budget)}"


def search_is_over(folder: Path, budget: Budget) -> bool:
    """Return whether nothing but re-trainings is left of a run."""
    if not (folder / JOURNAL_NAME).exists():
        return False
    with contextlib.suppress(RecordError):  # the run itself reports that
        return _goes_on_at(read_events(folder), budget) == _RETRAININGS
    return False


def _goes_on_at(known: Sequence[Event], budget: Budget) -> str:
    children = [event for event in known if isinstance(event, ChildDecided)]
    evaluations = sum(is_charged(child.outcome, child.measured) for child in children)
    spent = evaluations >= budget.evaluations or len(children) >= budget.proposals
    return _RETRAININGS if spent else _next(known)


def _next(known: Sequence[Event]) -> str:
    """Return the name of the first step that is not done."""
    step = "the seed network"
    for event in known:
        match event:
            case ReferenceEvaluated():
                step = "g0.c0"
            case ChildDecided():
                generation, _, child = event.step.partition(".c")
                step = f"{generation}.c{int(child) + 1}"
            case GenerationEnded():
                step = f"g{event.number + 1}.c0"
            case NetworkTrained() if event.purpose.name == _FINAL:
                return _RETRAININGS
    return step
