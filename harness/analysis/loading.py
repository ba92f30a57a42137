"""Load run results from journals, for tables and figures."""

import contextlib
import gc
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import TypeVar

from harness.analysis.comparison import compare
from harness.analysis.curves.trajectory import trajectory
from harness.analysis.effort.spent import had_room
from harness.analysis.metrics import comparable_metric
from harness.analysis.parallel import map_in_processes
from harness.analysis.proposals import Call, Candidate
from harness.analysis.run_result import RunResult
from harness.config.identity import digest_of
from harness.errors import InputError, RecordError
from harness.evolution.budget import Usage, most_of_each
from harness.evolution.candidate import Evaluation, Rejection, is_charged
from harness.llm.model import PERHAPS_BILLED
from harness.record.circumstances import CodeChanged
from harness.record.consistency import require_sound
from harness.record.event import Entry, Event
from harness.record.events import (
    MALFORMED,
    CallAnswered,
    CallRefused,
    ChildDecided,
    Manifest,
    NetworkGated,
    NetworkRetrained,
    NetworkTrained,
    ReferenceEvaluated,
    RequestFailed,
    RequestSent,
    RunCompleted,
    ScoreConfirmed,
)
from harness.record.failure import failure_of
from harness.record.journal import JOURNAL_NAME, find_runs, read_entries
from harness.text import reason_of

E = TypeVar("E", bound=Event)
_NOT_AT_ONCE = frozenset({"hall_of_fame"})
"""Values of a run that take time to compute."""
_SMALL_BYTES = 50 * 2**20
"""Journals of this size together are read in less time than processes take to start."""


@dataclass(frozen=True, kw_only=True)
class Below:
    """The runs below a folder."""

    runs: tuple[RunResult, ...]
    damaged: tuple[str, ...]
    """A sentence for each run that cannot be read."""


def all_below(folder: Path) -> Below:
    """Read all runs below a folder, of which there may be none."""
    runs: list[RunResult] = []
    damaged: list[str] = []
    folders = find_runs(folder)
    large = sum(_size_of(path / JOURNAL_NAME) for path in folders) > _SMALL_BYTES
    with _without_garbage_collection():
        for found in (map_in_processes if large else map)(_read_or_say, folders):
            if isinstance(found, RunResult):
                runs.append(found)
            elif found is not None:
                damaged.append(found)
    return Below(runs=tuple(runs), damaged=tuple(damaged))


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep Python from looking for reference cycles, of which runs that are read have none.

    It would look through all that was read before, again and again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.unfreeze()  # both together make all objects old, which are rarely looked through
            gc.enable()


def _size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 where it cannot be told, which reading it explains."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read_or_say(folder: Path) -> RunResult | str | None:
    """Read a run as ``_read`` does; return the sentence that says why it cannot be read."""
    try:
        with _without_garbage_collection():  # here, too, for the processes that read
            return _read(folder)
    except RecordError as error:
        return str(error)


def runs_below(folder: Path) -> Below:
    """Read all runs below a folder.

    Raises:
        InputError: No run there has evaluated its seed network.
        RecordError: None of the runs there can be read.
    """
    below = all_below(folder)
    if below.damaged and not below.runs:
        raise RecordError(*below.damaged)
    if not below.runs and find_runs(folder):
        raise InputError(
            f"{folder}: expected runs that have evaluated their seed network, none has yet. "
            f"Wait until one has, then ask again."
        )
    if not below.runs:
        raise InputError(
            f"{folder}: expected a folder with runs, found no journal in it. "
            f"Run python -m harness {shlex.quote(f'runs_dir={folder}')} first."
        )
    return below


def read_runs(folders: Sequence[Path]) -> list[RunResult]:
    """Read the runs in these folders, leaving out those without an evaluated seed network."""
    return [run for folder in folders if (run := _read(folder)) is not None]


def read_run(folder: Path) -> RunResult:
    """Read the run in a folder; RecordError where it has not evaluated its seed network."""
    if not (folder / JOURNAL_NAME).exists():
        raise RecordError(f"{folder}: expected a run's folder, it holds no {JOURNAL_NAME}.")
    run = _read(folder)
    if run is None:
        raise RecordError(
            f"{folder}: expected a run that has evaluated its seed network, this one has not. "
            f"Start the same command again to resume it."
        )
    return run


def _read(folder: Path) -> RunResult | None:
    return result_of(folder, read_entries(folder))


def result_of(folder: Path, entries: Sequence[Entry]) -> RunResult | None:
    """Return the result of a run from its events; None before its seed network is evaluated.

    Raises:
        RecordError: An event is missing or damaged.
    """
    events = [entry.event for entry in entries]
    if events:
        require_sound(events, folder)
    references = _of(events, ReferenceEvaluated)
    if not references:
        return None
    try:
        run = _result(folder, references[0], events, started=entries[0].at)
        _require_values(run)
    except (*MALFORMED, InputError) as error:
        raise RecordError(
            f"{folder}: expected the events of a run, some are missing or damaged "
            f"({type(error).__name__}: {reason_of(str(error))}). Restore the journal from a copy."
        ) from None
    return run


def _result(
    folder: Path, reference: ReferenceEvaluated, events: Sequence[Event], *, started: float
) -> RunResult:
    if not isinstance(reference.measured, Evaluation):
        raise ValueError("the seed network has no score")  # noqa: TRY004, it is a value in a file
    if reference.measured.n_params < 1:
        raise ValueError("the seed network has no parameters")
    finals, retrained, seconds = (defaultdict[str, list[float]](list) for _ in range(3))
    for final in _of(events, NetworkRetrained):
        if isinstance(final.outcome, Evaluation):
            finals[final.step].append(final.outcome.score)
            seconds[final.step].append(final.outcome.train_s)
            if final.outcome.validation is not None:
                retrained[final.step].append(final.outcome.validation)
    calls, trainings = _of(events, CallAnswered), _of(events, NetworkTrained)
    refused, failed_s = _of(events, CallRefused), _failed_seconds(events)
    failures = Counter(failure.step for failure in _of(events, RequestFailed))
    return RunResult(
        folder=folder,
        manifest=_of(events, Manifest)[0],
        seed_objectives=reference.measured.objectives,
        seed_train_s=reference.measured.train_s,
        seed_flops=reference.measured.flops,
        seed_source=reference.source,
        candidates=tuple(_candidate(child) for child in _of(events, ChildDecided)),
        finals={step: tuple(values) for step, values in finals.items()},
        retrained={step: tuple(values) for step, values in retrained.items()},
        retrained_s={step: tuple(values) for step, values in seconds.items()},
        confirmed={event.step: event.measured for event in _of(events, ScoreConfirmed)},
        calls={call.step: _call(call, failed_s[call.step], failures[call.step]) for call in calls},
        lost=_lost(events),
        most_reserved=reduce(most_of_each, (e.reserved for e in _of(events, RequestSent)), Usage()),
        unfinished={event.step: event.limit for event in refused},
        not_reserved={event.step: event.reserved for event in refused if event.reserved},
        train_s=sum(training.outcome.train_s or 0 for training in trainings),
        trainings=Counter(training.purpose for training in trainings),
        answers=_digest(calls),
        started=started,
        complete=bool(_of(events, RunCompleted)),
        compares_functions=any(event.found.behaviour for event in _of(events, NetworkGated)),
        code_changes=tuple(_of(events, CodeChanged)),
        failure=failure_of(folder),
    )


def _require_values(run: RunResult) -> None:
    """Compute what tables show of a run; an error names this run and hides no other."""
    trajectory(run)  # first, because it limits the front
    for name, value in vars(RunResult).items():
        if isinstance(value, property | cached_property) and name not in _NOT_AT_ONCE:
            getattr(run, name)
    had_room(run)
    comparable_metric(compare([run]).primary, run.wording, setting="final.measure")


def _of(events: Sequence[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def _failed_seconds(events: Sequence[Event]) -> defaultdict[str, float]:
    """Add up the seconds of requests that may have been billed without an answer, by step."""
    seconds = defaultdict[str, float](float)
    for failure in _of(events, RequestFailed):
        if failure.kind in PERHAPS_BILLED:
            seconds[failure.step] += failure.latency_s
    return seconds


def _call(call: CallAnswered, failed_s: float, failures: int) -> Call:
    n = call.completion_tokens
    return Call(
        asked=call.asked or call.model,
        model=call.model,
        usage=call.usage,
        longer=n is not None and n > int(call.requested["max_tokens"]),
        prompt_characters=len(call.prompt),
        answer_characters=len(call.answer),
        reports_settings=call.applied is not None,
        seconds=None if call.latency_s is None else call.latency_s + failed_s,
        segment=call.segment,
        date=call.date,
        finish_reason=call.finish_reason,
        failures=failures,
    )


def _digest(calls: Sequence[CallAnswered]) -> str | None:
    """Digest the answers that a run got, in the order of their steps; None where it asked none."""
    answers = sorted((call.step, call.model, call.answer) for call in calls)
    return digest_of(answers) if answers else None


def _lost(events: Sequence[Event]) -> Usage:
    """Add up the requests that may have been billed without an answer.

    Where a call was answered, the answer is that of its last request.
    """
    sent = {(event.step, event.attempt): event for event in _of(events, RequestSent)}
    failed = {(event.step, event.attempt): event for event in _of(events, RequestFailed)}
    answered = {call.step for call in _of(events, CallAnswered)}
    lost = Usage()
    for (step, attempt), request in sent.items():
        failure = failed.get((step, attempt))
        if failure is None:
            billed = step not in answered or (step, attempt + 1) in sent
        else:
            billed = failure.kind in PERHAPS_BILLED
        if billed:
            lost += request.reserved
    return lost


def _candidate(child: ChildDecided) -> Candidate:
    measured = child.measured
    refusal = measured if isinstance(measured, Rejection) else None
    return Candidate(
        step=child.step,
        source=child.source or "",
        parents=child.parents,
        variations=child.variations,
        objectives=measured.objectives if isinstance(measured, Evaluation) else None,
        gate=refusal.gate if refusal else None,
        reason=refusal.reason if refusal else None,
        machine_dependent=refusal is not None and refusal.machine_dependent,
        train_s=measured.train_s or 0.0,
        timed=measured.train_s is not None or not is_charged(measured),
        flops=measured.flops if isinstance(measured, Evaluation) else None,
        kind=refusal.kind if refusal else None,
        n_state=measured.n_state if isinstance(measured, Evaluation) else None,
        network=child.digest,
    )
