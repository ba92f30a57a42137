"""Journals read back as results: the one reading behind tables, figures and display."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.run_result import Call, Candidate, RunResult
from harness.config.identity import digest_of
from harness.errors import InputError, RecordError
from harness.evolution.candidate import MACHINE_DEPENDENT
from harness.evolution.pareto import Objectives
from harness.evolution.usage import Usage, usage_of
from harness.llm.model import Failure
from harness.record.journal import Event, find_runs, read_events

Events = Mapping[str, Mapping[str, Any]]
"""Contents of a run's events, by key."""


@dataclass(frozen=True, kw_only=True)
class Below:
    """The runs below a folder, and what is there and cannot be read, a sentence for each."""

    runs: tuple[RunResult, ...]
    damaged: tuple[str, ...]


def all_below(folder: Path) -> Below:
    """Read whatever runs there are below a folder, none being no error."""
    runs: list[RunResult] = []
    damaged: list[str] = []
    for path in find_runs(folder):
        try:
            runs += read_runs([path])
        except RecordError as error:
            damaged.append(str(error))
    return Below(runs=tuple(runs), damaged=tuple(damaged))


def runs_below(folder: Path) -> Below:
    """Read all runs below a folder; InputError where there is none to speak of."""
    below = all_below(folder)
    if below.damaged and not below.runs:
        raise RecordError("\n".join(below.damaged))
    if not below.runs and find_runs(folder):
        raise InputError(
            f"{folder}: expected runs that have evaluated their seed network, none has yet. Let "
            f"one come so far, then ask again."
        )
    if not below.runs:
        raise InputError(
            f"{folder}: expected a folder with runs, found no journal in it. "
            f"Run python -m harness runs_dir={folder} first."
        )
    return below


def read_runs(folders: Sequence[Path]) -> list[RunResult]:
    """Read the runs that have come as far as their seed network's evaluation."""
    return [run for folder in folders if (run := _read(folder)) is not None]


def read_run(folder: Path) -> RunResult:
    """Read one run's journal; RecordError where it has not evaluated its seed network."""
    run = _read(folder)
    if run is None:
        raise RecordError(
            f"{folder}: expected a run that has evaluated its seed network, this one has not. "
            f"Start the same command again; it goes on from here."
        )
    return run


def _read(folder: Path) -> RunResult | None:
    recorded = [event for _, event in read_events(folder)]
    try:
        return _result(folder, recorded)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecordError(
            f"{folder}: expected the events of a run, something is missing or changed in them "
            f"({type(error).__name__}: {error}). Restore the journal from a copy."
        ) from None


def _result(folder: Path, recorded: Sequence[Event]) -> RunResult | None:
    events = {event.key: event.content for event in recorded}
    if "reference" not in events:
        return None
    finals: dict[str, list[float]] = {}
    retrained: dict[str, list[float]] = {}
    for place, content in _of_kind(events, "final"):
        step = place.rsplit("/", 1)[0]
        if "score" in content:
            finals.setdefault(step, []).append(content["score"])
        if "validation" in content:
            retrained.setdefault(step, []).append(content["validation"])
    seed = events["reference"]["measured"]
    return RunResult(
        folder=folder,
        manifest=events["manifest"],
        seed_objectives=Objectives(seed["score"], seed["n_params"]),
        seed_source=events["reference"]["source"],
        candidates=tuple(
            _candidate(key.split("/")[1], c)
            for key, c in events.items()
            if key.startswith("proposal/")
        ),
        finals={step: tuple(values) for step, values in finals.items()},
        retrained={step: tuple(values) for step, values in retrained.items()},
        confirmed={
            step: tuple(c["measured"]["scores"]) for step, c in _of_kind(events, "confirmed")
        },
        calls={step: _call(c) for step, c in _of_kind(events, "call")},
        lost=_lost(events),
        unfinished={step: c["limit"] for step, c in _of_kind(events, "refused")},
        train_s=sum(c.get("train_s", 0) for k, c in events.items() if k.startswith("training/")),
        trainings=Counter(place.split("/")[0] for place, _ in _of_kind(events, "training")),
        answers=_digest(events),
        started=recorded[0].at,
        complete="complete" in events,
    )


def _of_kind(events: Events, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, content in events.items():
        first, _, rest = key.partition("/")
        if first == kind:
            yield rest, content


def _call(content: Mapping[str, Any]) -> Call:
    n = content["completion_tokens"]
    return Call(
        asked=content["asked"] or content["model"],
        model=content["model"],
        usage=usage_of(content),
        longer=n is not None and n > int(content["requested"]["max_tokens"]),
    )


def _digest(events: Events) -> str | None:
    """Name the answers that a run got, in the order of their steps; None where it asked nobody."""
    answers = sorted((step, c["model"], c["answer"]) for step, c in _of_kind(events, "call"))
    return digest_of(answers) if answers else None


def _lost(events: Events) -> Usage:
    """Add up sendings that may have been billed without an answer; the last one has the answer."""
    lost = Usage()
    for place, sent in _of_kind(events, "sent"):
        step, k = place.rsplit("/", 1)
        failed = events.get(f"failed/{place}")
        answered = f"call/{step}" in events and f"sent/{step}/{int(k) + 1}" not in events
        free = failed is not None and not Failure(**failed).perhaps_billed
        if not free and not (answered and failed is None):
            lost += Usage(**sent["reserved"])
    return lost


def _candidate(step: str, content: Mapping[str, Any]) -> Candidate:
    measured = content["measured"]
    evaluated = "score" in measured
    return Candidate(
        step=step,
        source=content["source"] or "",
        parents=tuple(content["parents"]),
        variations=tuple(content["variations"]),
        objectives=Objectives(measured["score"], measured["n_params"]) if evaluated else None,
        gate=measured.get("gate"),
        reason=measured.get("reason"),
        machine_dependent=measured.get("kind") in MACHINE_DEPENDENT,
        train_s=measured.get("train_s", 0.0),
    )
