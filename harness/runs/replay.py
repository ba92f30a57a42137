"""Replay recorded runs: ``python -m harness.replay RUN_OR_ARCHIVE... --out DIR``.

A replay needs no network, key or training. Answers and measurements come from the record,
everything between them is computed again, and the events must be equal to the recorded ones. With
``--retrain``, answers and decisions come from the record, and every network is trained and scored
on this machine.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from harness.analysis.run_result import RunResult
from harness.config.foreign import restored
from harness.config.schema import Config
from harness.errors import InputError, RecordError, ReplayMiss
from harness.evaluation.backend import Backend
from harness.evaluation.executor import Executor, Executors, require_room
from harness.evolution.candidate import Outcome, Rejection
from harness.evolution.genome import Genome
from harness.llm.model import UNMETERED, Completion, Meter, Model, Request
from harness.record.archive import complete_entries
from harness.record.event import Entry, Event
from harness.record.events import (
    CallAnswered,
    CallRefused,
    ChildDecided,
    Manifest,
    NetworkGated,
    NetworkRetrained,
    ReferenceEvaluated,
    RequestFailed,
    RequestSent,
)
from harness.record.journal import JOURNAL_NAME, Journal
from harness.record.study import Decisions, decisions_of, study_of
from harness.reporting.console import show_table
from harness.reporting.summary import print_comparison
from harness.runs.composed_arm import ComposedArm, compose_arm
from harness.runs.manifest import manifest_of
from harness.runs.recorded_gates import RecordedGates
from harness.runs.recorded_run import (
    RecordedRun,
    distinct,
    load_dataset,
    load_recorded,
    require_packages,
)
from harness.runs.run import run
from harness.runs.runner import write_config, write_front
from harness.runs.spec import specify
from harness.tasks.base import wording_of
from harness.terminal import say
from harness.text import reason_of

_ANSWERS = (CallAnswered, RequestSent, RequestFailed, CallRefused)
_WAIT_S = 10.0
_INVALID = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""Errors that strategies raise for arguments of the right type with invalid values."""

E = TypeVar("E", bound=Event)


class ReplayJournal(Journal):
    """A journal that serves the events of a recorded run as if it held them.

    Args:
        folder: Folder of the new journal.
        recorded: The recorded run.
        serves: Returns whether to serve an event.

    Raises:
        InputError: The folder holds a journal.
    """

    def __init__(
        self,
        folder: Path,
        recorded: RecordedRun,
        *,
        serves: Callable[[Event], bool] = lambda _: True,
    ) -> None:
        if (folder / JOURNAL_NAME).exists():
            raise InputError(
                f"--out: expected a folder that holds no {folder.name} yet, {folder.parent} does. "
                f"Choose another, or remove it."
            )
        super().__init__(folder, wait_s=_WAIT_S)
        self._recorded = {k: entry for k, entry in recorded.by_key.items() if serves(entry.event)}

    def find(self, event: type[E], *place: object) -> E | None:
        """Return an event, taken over from the record where this journal lacks it."""
        found = super().find(event, *place)
        entry = self._recorded.get(event.key_of(*place))
        if found is None and entry is not None:
            return self.record(cast("E", entry.event))
        return found

    def record(self, event: E, *, at: float | None = None) -> E:
        """Append an event, with the time of the recorded one where there is one."""
        entry = self._recorded.get(event.key)
        return super().record(event, at=entry.at if entry else at)


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

    def __call__(self, genome: Genome) -> NoReturn:
        """Raise ReplayMiss."""
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
    with ReplayJournal(out / recorded.name, recorded) as journal, _naming_record(recorded):
        journal.record(recorded.manifest)
        arm = _arm(recorded, config, decisions, journal)
        result = _run(recorded, config, arm, backend, journal)
    _require_equal(recorded, complete_entries(result.folder))
    return result


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


def retrain(
    recorded: RecordedRun, out: Path, executor: Executor, overrides: Sequence[str]
) -> RunResult:
    """Run a recorded run again with its answers and decisions, and train every network here.

    Args:
        recorded: The run.
        out: Folder for the new run's.
        executor: Where networks are gated and trained.
        overrides: Settings of this machine.

    Returns:
        The result of the new run, whose folder is within ``out``.
    """
    config = restored(recorded.manifest.settings, overrides, kind=recorded.manifest.data.kind)
    config.runs_dir = str(out)
    require_room(config.limits)
    dataset = load_dataset(recorded, config)
    backend = executor.open(config, dataset, recorded.network)
    asks = _model(config) is not None
    study = study_of(recorded.events, path=recorded.source) if asks else None
    manifest = manifest_of(specify(config, dataset, recorded.network, study), backend.machine)
    decisions, gates = decisions_of(recorded.events), RecordedGates.of(recorded.events)
    with ReplayJournal(out / recorded.name, recorded, serves=_is_answer) as journal:
        journal.record(manifest)
        arm = _arm(recorded, config, decisions, journal)
        arm = replace(arm, search=gates.search(arm.search))
        return _run(recorded, config, arm, gates.backend(backend), journal)


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


def differences(recorded: RecordedRun, folder: Path) -> list[list[str]]:
    """Return a header, then a row for each network that this machine measured differently."""
    score = wording_of(recorded.manifest.data.kind)

    def describe(outcome: Outcome) -> str:
        if isinstance(outcome, Rejection):
            return f"refused by {outcome.gate}"
        return f"{score.score} {score.text(outcome.score)}, {outcome.n_params:,} parameters"

    here = _measured(entry.event for entry in complete_entries(folder))
    rows = [["network", "recorded", "measured here"]]
    for key, recorded_outcome in _measured(recorded.events).items():
        was = describe(recorded_outcome)
        now = describe(here[key]) if key in here else "not at all"
        if now != was:
            rows.append([key.replace("/", " "), was, now])
    return rows


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
                results.append(retrain(recorded, out, executors, overrides))
                _show_differences(recorded, results[-1].folder)
            else:
                results.append(replay(recorded, out))
                n = len(recorded.entries)
                say(f"{recorded.name}: {n} events, all as recorded")
    print_comparison(results, out)


def _show_differences(recorded: RecordedRun, folder: Path) -> None:
    rows = differences(recorded, folder)
    events = [entry.event for entry in complete_entries(folder)]
    if refused := RecordedGates.of(recorded.events).refused_here(events):
        say(f"{recorded.name}: {refused}")
    n = len(_measured(recorded.events))
    say(f"{recorded.name}: {n - len(rows) + 1} of {n} measured as recorded")
    if len(rows) > 1:
        show_table(rows, title="Measured differently", notes=[], text=True)


def _measured(events: Iterable[Event]) -> Mapping[str, Outcome]:
    """Return what was measured, by the key of the event."""
    outcomes: dict[str, Outcome] = {}
    for event in events:
        if isinstance(event, ReferenceEvaluated | ChildDecided):
            outcomes[event.key] = event.measured
        elif isinstance(event, NetworkRetrained):
            outcomes[event.key] = event.outcome
    return outcomes


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
