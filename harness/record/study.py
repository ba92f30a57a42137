"""A recorded run as a study: the answers and decisions that other runs may follow."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.config.identity import digest_of
from harness.errors import RecordError
from harness.evolution.candidate import Outcome, content_of
from harness.record.archive import read_archive
from harness.record.consistency import statable
from harness.record.event import Event
from harness.record.events import (
    MALFORMED,
    CallAnswered,
    ChildDecided,
    Manifest,
    ReferenceEvaluated,
    ScoreConfirmed,
)
from harness.text import reason_of


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Recorded decisions that take the place of measured ones; empty where those decide."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """By step, ``seed`` for the seed network's."""
    confirmed: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Scores on fresh seeds, by step."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A recorded run as answers and decisions."""

    path: str
    settings: str
    """The command-line settings that it was recorded with."""
    task: str
    """Name of the data that it was searched on."""
    model: str
    date: str
    prompts_digest: str
    calls: tuple[CallAnswered, ...]
    decisions: Decisions
    content_digest: str
    """Hash of all its events, networks included: identifies a run that takes code from it."""

    @property
    def digest(self) -> str:
        """Hash of its answers and decisions, in the words of the first version.

        It does not cover the recorded networks. Runs that followed the study are identified by it,
        so it stays what it was.
        """
        decided = {
            step: {_FIRST_WORDS.get(k, k): v for k, v in content_of(outcome).items()}
            for step, outcome in self.decisions.outcomes.items()
        }
        confirmed = {
            ScoreConfirmed.key_of(step): {"accuracies": list(scores)}
            for step, scores in self.decisions.confirmed.items()
        }
        return digest_of([[call.content for call in self.calls], decided | confirmed])


_FIRST_WORDS = {"score": "accuracy"}


def load_study(path: Path, *, setting: str = "model=recorded") -> Study:
    """Read the study in an archive.

    Args:
        path: The archive.
        setting: What names it, for messages.

    Raises:
        RecordError: There is no archive, it is damaged, or its run makes no study.
    """
    if not path.is_file():
        here = sorted(p.stem for p in path.parent.glob("*.zip"))
        raise RecordError(
            f"{setting}: expected the recorded study {path}, which does not exist. Recorded "
            f"there: {', '.join(here) or 'nothing'}. Use one of these, or model=openai or "
            f"model=exchange."
        )
    _, entries = read_archive(path)
    return study_of([entry.event for entry in entries], path=path)


def study_of(events: Sequence[Event], *, path: Path) -> Study:
    """Return the answers and decisions of a run.

    Args:
        events: Its events.
        path: Where they were found, for messages.

    Raises:
        RecordError: The run asked no LLM, got its answers from another record, or has
            inconsistent events.
    """
    manifests = [event for event in events if isinstance(event, Manifest)]
    calls = [event for event in events if isinstance(event, CallAnswered)]
    try:
        return _study(path, manifests[0], calls, events)
    except MALFORMED as error:
        raise RecordError(
            f"{path}: expected a recorded study, its events are incomplete or damaged "
            f"({type(error).__name__}: {reason_of(str(error))}). Obtain a new copy."
        ) from None


def _study(
    path: Path, manifest: Manifest, calls: Sequence[CallAnswered], events: Sequence[Event]
) -> Study:
    if "~" in manifest.arm:
        raise RecordError(
            f"{path}: expected an arm whose answers are its own, {manifest.arm} got them from "
            f"elsewhere. Record a run with model=openai or model=exchange."
        )
    if not calls:
        raise RecordError(f"{path}: expected a run that asked an LLM, this one asked none.")
    settings = manifest.settings
    return Study(
        path=str(path),
        settings=statable(
            f"+ablation={settings['ablation']} seed={settings['seed']} "
            f"budget.evaluations={settings['budget']['evaluations']} task={manifest.data.name}"
        ),
        task=manifest.data.name,
        model=statable(", ".join(sorted({call.model for call in calls}))),
        date=statable(max(call.date for call in calls)),
        prompts_digest=manifest.prompts,
        calls=tuple(sorted(calls, key=lambda call: _order(call.step))),
        decisions=decisions_of(events),
        content_digest=_content_digest(events),
    )


def decisions_of(events: Iterable[Event]) -> Decisions:
    """Return the decisions that set a run's course."""
    outcomes: dict[str, Outcome] = {}
    confirmed: dict[str, tuple[float, ...]] = {}
    for event in events:
        if isinstance(event, ReferenceEvaluated):
            outcomes["seed"] = event.outcome
        elif isinstance(event, ChildDecided):
            outcomes[event.step] = event.outcome
        elif isinstance(event, ScoreConfirmed):
            confirmed[event.step] = event.outcome
    return Decisions(outcomes=outcomes, confirmed=confirmed)


def _content_digest(events: Iterable[Event]) -> str:
    content = sorted([event.key, json.dumps(event.content, sort_keys=True)] for event in events)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _order(step: str) -> tuple[int, int, str]:
    generation, child, purpose = step.split(".")
    return int(generation[1:]), int(child[1:]), purpose
