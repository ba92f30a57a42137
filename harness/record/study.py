"""A recorded run as a study: the answers and decisions that other runs may follow."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from harness.config.identity import hash_of
from harness.errors import RecordError
from harness.evolution.candidate import Outcome, Rejection, content_of
from harness.evolution.genome import Genome, normalised
from harness.record.archive import read_archive
from harness.record.consistency import statable
from harness.record.event import Entry, Event
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
    sources: Mapping[str, str | None] = field(default_factory=dict)
    """The source that was decided, by step; None where no network came."""

    def outcome(self, step: str, child: Genome | Rejection) -> Outcome | None:
        """Return the recorded outcome of a step, None where none is recorded.

        Args:
            step: The step.
            child: What was proposed there now.

        Raises:
            RecordError: The recorded outcome is that of another network.
        """
        here = child.source if isinstance(child, Genome) else None
        if step in self.sources and not _is_same(here, self.sources[step]):
            raise RecordError(
                f"{step}: expected the network that was recorded there, whose decision is used, "
                f"found another: the run takes another course here, because gates, FLOPs or code "
                f"differ from those of the record. Follow the record where they are the same, or "
                f"replay it without --retrain."
            )
        return self.outcomes.get(step)


def _is_same(source: str | None, other: str | None) -> bool:
    """Return whether two sources are one network; comments and formatting do not count."""
    if source is None or other is None:
        return source is other
    return source == other or normalised(source) == normalised(other)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A recorded run as answers and decisions."""

    path: str
    settings: str
    """The command-line settings that it was recorded with."""
    task: str
    """Name of the data that it was searched on."""
    model: str
    """The LLMs that answered; empty where none was asked."""
    date: str
    prompts_digest: str
    calls: tuple[CallAnswered, ...]
    decisions: Decisions
    content_digest: str
    """Hash of all its events, networks included: identifies a run that takes code from it."""

    @property
    def digest(self) -> str:
        """The first 12 digits of ``sha256``: its name in a run's identity."""
        return self.sha256[:12]

    @cached_property
    def sha256(self) -> str:
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
        return hash_of([[call.content for call in self.calls], decided | confirmed])


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
    with _naming(path):
        _require_own_answers(path, manifests[0], calls)
        return _study(path, events)


def course_of(entries: Sequence[Entry], *, path: Path) -> Study:
    """Return the course of any run, as a study for its re-training.

    Args:
        entries: Its events with their times; the first is its manifest.
        path: Where they were found, for messages.

    Raises:
        RecordError: The run has inconsistent events.
    """
    events = [entry.event for entry in entries]
    with _naming(path):
        began = datetime.fromtimestamp(entries[0].at, tz=UTC).date().isoformat()
        return _study(path, events, began)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn an error of inconsistent events into one that names the record."""
    try:
        yield
    except MALFORMED as error:
        raise RecordError(
            f"{path}: expected a recorded study, its events are incomplete or damaged "
            f"({type(error).__name__}: {reason_of(str(error))}). Obtain a new copy."
        ) from None


def _require_own_answers(path: Path, manifest: Manifest, calls: Sequence[CallAnswered]) -> None:
    """Raise RecordError unless a run asked an LLM for all its answers."""
    if "~" in manifest.arm:
        raise RecordError(
            f"{path}: expected an arm whose answers are its own, {manifest.arm} got them from "
            f"elsewhere. Record a run with model=openai or model=exchange."
        )
    if not calls:
        raise RecordError(f"{path}: expected a run that asked an LLM, this one asked none.")


def _study(path: Path, events: Sequence[Event], began: str = "") -> Study:
    """Return the study; ``began`` is its date where no answer has one."""
    manifest = next(event for event in events if isinstance(event, Manifest))
    calls = [event for event in events if isinstance(event, CallAnswered)]
    settings = manifest.settings
    return Study(
        path=str(path),
        settings=statable(
            f"ablation={settings['ablation']} seed={settings['seed']} "
            f"budget.evaluations={settings['budget']['evaluations']} task={manifest.data.name}"
        ),
        task=manifest.data.name,
        model=statable(", ".join(sorted({call.model for call in calls}))),
        date=statable(max((call.date for call in calls), default=began)),
        prompts_digest=manifest.prompts,
        calls=tuple(sorted(calls, key=lambda call: _order(call.step))),
        decisions=decisions_of(events),
        content_digest=_content_digest(events),
    )


def decisions_of(events: Iterable[Event]) -> Decisions:
    """Return the decisions that set a run's course."""
    outcomes: dict[str, Outcome] = {}
    confirmed: dict[str, tuple[float, ...]] = {}
    sources: dict[str, str | None] = {}
    for event in events:
        if isinstance(event, ReferenceEvaluated):
            outcomes["seed"], sources["seed"] = event.outcome, event.source
        elif isinstance(event, ChildDecided):
            outcomes[event.step], sources[event.step] = event.outcome, event.source
        elif isinstance(event, ScoreConfirmed):
            confirmed[event.step] = event.outcome
    return Decisions(outcomes=outcomes, confirmed=confirmed, sources=sources)


def _content_digest(events: Iterable[Event]) -> str:
    content = sorted([event.key, json.dumps(event.content, sort_keys=True)] for event in events)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _order(step: str) -> tuple[int, int, str]:
    generation, child, purpose = step.split(".")
    return int(generation[1:]), int(child[1:]), purpose
