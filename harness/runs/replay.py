"""Replay recorded runs: ``python -m harness.replay RUN_OR_ARCHIVE... --out DIR``.

A replay needs no network, key or training. Answers and measurements come from the record,
everything between them is computed again, and the events must be equal to the recorded ones. With
``--retrain``, answers and decisions come from the record, and every network is trained and scored
on this machine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from harness.analysis.run_result import RunResult
from harness.config.foreign import restored
from harness.config.schema import Config
from harness.errors import InputError, RecordError, ReplayMiss
from harness.evaluation.assessor import training_seed
from harness.evaluation.backend import Backend
from harness.evaluation.executor import Executor, Executors, require_room
from harness.evolution.genome import Genome
from harness.llm.model import UNMETERED, Completion, Meter, Model, Request
from harness.record.archive import complete_entries
from harness.record.circumstances import CodeChanged
from harness.record.code.digests import code_of_run
from harness.record.event import Entry, Event
from harness.record.events import (
    CallAnswered,
    CallRefused,
    Manifest,
    NetworkGated,
    RequestFailed,
    RequestSent,
)
from harness.record.journal import JOURNAL_NAME, Journal
from harness.record.study import Decisions, course_of, decisions_of
from harness.reporting.console import show_table
from harness.reporting.notes.provenance import REPLAYED, RETRAINED
from harness.reporting.summary import print_comparison
from harness.runs.composed_arm import ComposedArm, compose_arm
from harness.runs.manifest import describe_changes, last_code, manifest_of
from harness.runs.recorded_gates import RecordedGates
from harness.runs.recorded_run import (
    RecordedRun,
    differences,
    distinct,
    left_over,
    load_dataset,
    load_recorded,
    measured_of,
    require_packages,
)
from harness.runs.run import run
from harness.runs.single_run import write_config, write_front
from harness.runs.spec import classes_of, specify
from harness.terminal import say
from harness.text import reason_of

_ANSWERS = (CallAnswered, RequestSent, RequestFailed, CallRefused)
_WAIT_S = 10.0
_INVALID = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""Errors that strategies raise for arguments of the right type with invalid values."""

E = TypeVar("E", bound=Event)


class ReplayJournal(Journal):
    """A journal that serves the events of a recorded run as if it held them.

    What an earlier record has under a shorter digest is served, too.

    Args:
        folder: Folder of the new journal.
        recorded: The recorded run.
        serves: Returns whether to serve an event.
        keeps_times: Whether events get the times of the recorded ones. Those of a re-training
            happen now: a record must not decide which of several runs was first.

    Raises:
        InputError: The folder holds a journal.
    """

    def __init__(
        self,
        folder: Path,
        recorded: RecordedRun,
        *,
        serves: Callable[[Event], bool] = lambda _: True,
        keeps_times: bool = True,
    ) -> None:
        if (folder / JOURNAL_NAME).exists():
            raise InputError(
                f"--out: expected a folder that holds no {folder.name} yet, {folder.parent} does. "
                f"Choose another, or remove it."
            )
        super().__init__(folder, wait_s=_WAIT_S)
        self._recorded, self._serves = recorded.by_key, serves
        self._times = {k: e.at for k, e in recorded.by_key.items()} if keeps_times else {}

    def find(self, event: type[E], *place: object) -> E | None:
        """Return an event, taken over from the record where this journal lacks it."""
        found = super().find(event, *place)
        keys = (event.key_of(*place), event.earlier_key_of(*place))
        entry = next(filter(None, map(self._recorded.get, keys)), None)
        if found is None and entry is not None and self._serves(entry.event):
            return self.record(cast("E", entry.event))
        return found

    def record(self, event: E, *, at: float | None = None) -> E:
        """Append an event, with the time of the recorded one where times are kept."""
        return super().record(event, at=self._times.get(event.key, at))


class NoModel:
    """Takes the place of the LLM; to ask it is an error."""

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Raise ReplayMiss."""
        del meter
        raise ReplayMiss(
            f"{request.step}: the record holds no answer to this prompt. What decides the course "
            f"of a run has changed since it was recorded."
        )


class NoBackend:
    """Takes the place of gates and training; to use it is an error."""

    def __call__(self, genome: Genome, *, seed: int) -> NoReturn:
        """Raise ReplayMiss."""
        del seed
        self._miss(genome, "gates' verdict")

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> NoReturn:
        """Raise ReplayMiss."""
        how = f"for {epochs} epochs " if epochs else ""
        self._miss(genome, f"training {how}with seed {seed}, scored on {split},")

    def final(self, genome: Genome, *, seed: int) -> NoReturn:
        """Raise ReplayMiss."""
        self._miss(genome, f"re-training with seed {seed}")

    def _miss(self, genome: Genome, what: str) -> NoReturn:
        raise ReplayMiss(
            f"the record holds no {what} of the network {genome.digest}. What decides the course "
            f"of a run has changed since it was recorded."
        )


def replay(recorded: RecordedRun, out: Path) -> RunResult:
    """Run a recorded run again from its record alone.

    Returns:
        The result of the new run, whose folder is within ``out``.

    Raises:
        RecordError: An event differs from the recorded one.
        ReplayMiss: Something is needed that the record does not hold.
    """
    config = restored(recorded.manifest.settings, [], kind=recorded.manifest.data.kind)
    nothing = NoBackend()
    backend = Backend(validate=nothing, evaluate=nothing)
    decisions = decisions_of(recorded.events) if recorded.manifest.study else Decisions()
    with (
        ReplayJournal(out / recorded.name, recorded) as journal,
        _naming_code(recorded, config),
        _naming_record(recorded),
    ):
        journal.record(recorded.manifest)
        for event in recorded.events:
            if isinstance(event, CodeChanged):
                journal.record(event)
        arm = _arm(recorded, config, decisions, journal)
        result = _run(recorded, config, arm, backend, journal)
    with _naming_code(recorded, config):
        _require_equal(recorded, complete_entries(result.folder))
    return result


@contextmanager
def _naming_code(recorded: RecordedRun, config: Config) -> Iterator[None]:
    """Add to an error of a replay which files are not those that the run was recorded with."""
    try:
        yield
    except (ReplayMiss, RecordError) as error:
        was, code = last_code(recorded.events), code_of_run(classes_of(config))
        if was is None or not was.code or was.code == code:
            raise
        raise type(error)(f"{error} {describe_changes(was, code)}.") from error


@contextmanager
def _naming_record(recorded: RecordedRun) -> Iterator[None]:
    """Turn an error that recorded arguments cause in a strategy into one that names the record."""
    try:
        yield
    except _INVALID as error:
        raise RecordError(
            f"{recorded.source}: expected a run that can be replayed, but with its settings "
            f"the replay raised {reason_of(repr(error))}. Obtain a new copy of the run."
        ) from error


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """A recorded run, trained again on this machine.

    Attributes:
        result: The result of the new run.
        remarks: Sentences on what the record and this machine have otherwise.
    """

    result: RunResult
    remarks: tuple[str, ...]


def retrain(
    recorded: RecordedRun, out: Path, executor: Executor, overrides: Sequence[str]
) -> Retraining:
    """Run a recorded run again with its answers and decisions, and train every network here.

    The new run states that it follows a record, since its decisions are not its own measurements.

    Args:
        recorded: The run.
        out: Folder for the new run's.
        executor: Where networks are gated and trained.
        overrides: Settings of this machine.

    Returns:
        The new run, whose folder is within ``out``, and how it differs.
    """
    config = restored(recorded.manifest.settings, overrides, kind=recorded.manifest.data.kind)
    config.runs_dir = str(out)
    require_room(config.limits)
    dataset = load_dataset(recorded, config)
    backend = executor.open(config, dataset, recorded.network)
    study = course_of(recorded.entries, path=recorded.source)
    manifest = manifest_of(specify(config, dataset, recorded.network, study), backend.machine)
    gates = RecordedGates.of(recorded.events)
    with ReplayJournal(
        out / recorded.name, recorded, serves=_is_answer, keeps_times=False
    ) as journal:
        journal.record(manifest)
        arm = _arm(recorded, config, study.decisions, journal)
        arm = replace(arm, search=gates.search(arm.search))
        result = _run(recorded, config, arm, gates.backend(backend), journal)
        events = [entry.event for entry in journal.entries]
    remarks = (
        gates.refused_here(events),
        gates.accepted_here(events, backend, seed=training_seed(config.seed)),
        gates.told_apart(events),
        "" if config.search.retrain else gates.alike_here(events),
        left_over(recorded, events),
    )
    return Retraining(result=result, remarks=tuple(filter(None, remarks)))


def _is_answer(event: Event) -> bool:
    """Return whether a re-training takes an event from the record: answers, and what they quote.

    Of the gates' verdicts, prompts quote refusals alone. What is trained is gated here.
    """
    refused = isinstance(event, NetworkGated) and event.found.refusal is not None
    return refused or isinstance(event, _ANSWERS)


def _arm(
    recorded: RecordedRun, config: Config, decisions: Decisions, journal: ReplayJournal
) -> ComposedArm:
    data = recorded.manifest.data
    return compose_arm(config, journal, model=_model(config), data=data, decisions=decisions)


def _run(
    recorded: RecordedRun,
    config: Config,
    arm: ComposedArm,
    backend: Backend,
    journal: ReplayJournal,
) -> RunResult:
    """Run a recorded run again in a journal that has its manifest; write the files of a run."""
    manifest = journal.find(Manifest)
    assert manifest is not None
    result = run(config, recorded.network, arm, backend, journal)
    write_config(result.folder, manifest.settings)
    write_front(result)
    return result


def replay_all(
    paths: Sequence[Path], out: Path, *, retrains: bool, overrides: Sequence[str]
) -> None:
    """Replay every run that the paths hold, print what differs from the record, then the table.

    Args:
        paths: Run folders, archives, or folders of either.
        out: Folder for the replayed runs.
        retrains: Whether to train every network again on this machine.
        overrides: Settings of this machine for that.
    """
    runs = distinct(load_recorded(paths))
    for recorded in runs:
        require_packages(recorded)
    results = []
    with closing(Executors()) as executors:
        for recorded in runs:
            if retrains:
                retraining = retrain(recorded, out, executors, overrides)
                results.append(retraining.result)
                _show_differences(recorded, retraining)
            else:
                results.append(replay(recorded, out))
                n = len(recorded.entries)
                say(f"{recorded.name}: {n} events, all as recorded")
    print_comparison(results, out, origin=RETRAINED if retrains else REPLAYED)


def _show_differences(recorded: RecordedRun, retraining: Retraining) -> None:
    rows = differences(recorded, retraining.result.folder)
    for remark in retraining.remarks:
        say(f"{recorded.name}: {remark}")
    n = len(measured_of(recorded.events))
    say(f"{recorded.name}: {n - len(rows) + 1} of {n} measured as recorded")
    if len(rows) > 1:
        show_table(rows, title="Measured differently", notes=[], text=True)


def _require_equal(recorded: RecordedRun, entries: Sequence[Entry]) -> None:
    was, now = recorded.by_key, {entry.event.key: entry for entry in entries}
    other = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    if other:
        raise RecordError(
            f"{recorded.source}: expected the {len(was)} events that were recorded, "
            f"{len(other)} came out differently, first {', '.join(other[:3])}. Replay it with the "
            f"version that recorded it, guided-evolution {recorded.manifest.settings['version']}"
            f" (commit {recorded.manifest.commit})."
        )


def _model(config: Config) -> Model | None:
    return NoModel() if "model" in config.proposer else None
