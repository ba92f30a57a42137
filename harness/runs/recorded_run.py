"""Recorded runs, from run folders and archives: what a replay starts from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.config.schema import Config
from harness.config.strategies import build, missing_arguments
from harness.errors import GenomeError, InputError, RecordError
from harness.evolution.candidate import Outcome, Rejection
from harness.evolution.genome import Genome
from harness.record.archive import complete_entries, read_archive
from harness.record.event import Entry, Event
from harness.record.events import (
    CallAnswered,
    ChildDecided,
    Manifest,
    NetworkRetrained,
    ReferenceEvaluated,
)
from harness.record.journal import JOURNAL_NAME, find_runs
from harness.reporting.console import loaded
from harness.runs.recorded_gates import require_intake, require_verdicts
from harness.tasks.base import Dataset, wording_of
from harness.text import reason_of

_PACKAGE = re.compile(r"[A-Za-z0-9][\w.+!-]{0,99}")
"""Valid names and versions of packages."""


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A complete run as it was recorded."""

    source: Path
    """Its folder or archive."""
    name: str
    """Name of its folder."""
    entries: tuple[Entry, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """Its events, oldest first."""
        return tuple(entry.event for entry in self.entries)

    @cached_property
    def by_key(self) -> dict[str, Entry]:
        """Its events by key."""
        return {entry.event.key: entry for entry in self.entries}

    @property
    def manifest(self) -> Manifest:
        """Its manifest."""
        return next(event for event in self.events if isinstance(event, Manifest))

    @cached_property
    def network(self) -> Genome:
        """Its seed network."""
        reference = next(e for e in self.events if isinstance(e, ReferenceEvaluated))
        return Genome.parse(reference.source)


def load_recorded(paths: Sequence[Path]) -> list[RecordedRun]:
    """Load the runs in run folders and archives, and those in folders of either.

    Raises:
        InputError: There is none in one of the paths.
        RecordError: A run is not complete, or cannot be read.
    """
    runs = []
    for path in paths:
        if path.is_file():
            name, entries = read_archive(path)
            runs.append(_checked(RecordedRun(source=path, name=name, entries=tuple(entries))))
            continue
        folders = [path] if (path / JOURNAL_NAME).exists() else find_runs(path)
        archives = sorted(path.glob("*.zip"))
        if not folders and not archives:
            raise InputError(
                f"{path}: expected a run's folder or an archive of python -m harness.export, or a "
                f"folder of such, found none."
            )
        for folder in folders:
            read = tuple(complete_entries(folder))
            runs.append(_checked(RecordedRun(source=folder, name=folder.name, entries=read)))
        runs += load_recorded(archives)
    return runs


def _checked(recorded: RecordedRun) -> RecordedRun:
    """Return a run whose verdicts and trained networks are as gates have them.

    Its seed network is the one that its manifest states.
    """
    try:
        require_verdicts(recorded.events)
        require_intake(recorded.events)
        _require_stated_network(recorded)
    except (ValueError, GenomeError) as error:
        raise RecordError(
            f"{recorded.source}: expected verdicts and networks as gates and manifest have them, "
            f"{reason_of(str(error))}. Obtain a new copy of the run."
        ) from None
    return recorded


def _require_stated_network(recorded: RecordedRun) -> None:
    """Raise ValueError unless the recorded seed network is the one that the manifest states.

    Earlier records state its digest alone.
    """
    network, manifest = recorded.network, recorded.manifest
    stated = manifest.settings["network"], manifest.hashes.get("network", network.sha256)
    if stated != (network.digest, network.sha256):
        raise ValueError(
            f"but the seed network {network.digest} that was evaluated is not the one that the "
            f"manifest states"
        )


def require_one_network(runs: Iterable[RecordedRun]) -> None:
    """Raise RecordError if two seed networks that differ have one digest.

    Earlier records state no full hash by which a table could tell them apart.
    """
    by_digest: dict[str, RecordedRun] = {}
    for run in runs:
        other = by_digest.setdefault(run.network.digest, run)
        if other.network.sha256 != run.network.sha256:
            raise RecordError(
                f"{other.source} and {run.source}: expected that one digest stands for one seed "
                f"network, found two networks. Such a pair is made by search; leave one of the "
                f"runs out."
            )


def distinct(runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """Leave out repetitions of a run; InputError where two that differ have one name or digest."""
    by_name: dict[str, RecordedRun] = {}
    for run in runs:
        other = by_name.setdefault(run.name, run)
        if other.by_key != run.by_key:
            raise InputError(
                f"{other.source} and {run.source}: expected one run of the name {run.name}, these "
                f"differ. Replay them one by one."
            )
    require_one_network(by_name.values())
    return list(by_name.values())


def differences(recorded: RecordedRun, folder: Path) -> list[list[str]]:
    """Return a header, then a row for each network that this machine measured differently."""
    score = wording_of(recorded.manifest.data.kind)

    def describe(outcome: Outcome) -> str:
        if isinstance(outcome, Rejection):
            return f"refused by {outcome.gate}"
        return f"{score.score} {score.text(outcome.score)}, {outcome.n_params:,} parameters"

    here = measured_of(entry.event for entry in complete_entries(folder))
    rows = [["network", "recorded", "measured here"]]
    for key, recorded_outcome in measured_of(recorded.events).items():
        was = describe(recorded_outcome)
        now = describe(here[key]) if key in here else "not at all"
        if now != was:
            rows.append([key.replace("/", " "), was, now])
    return rows


def measured_of(events: Iterable[Event]) -> Mapping[str, Outcome]:
    """Return what was measured, by the key of the event."""
    outcomes: dict[str, Outcome] = {}
    for event in events:
        if isinstance(event, ReferenceEvaluated | ChildDecided):
            outcomes[event.key] = event.measured
        elif isinstance(event, NetworkRetrained):
            outcomes[event.key] = event.outcome
    return outcomes


def left_over(recorded: RecordedRun, events: Sequence[Event]) -> str:
    """Return a sentence on the recorded answers that a re-training did not ask for, "" for none."""
    asked = {event.step for event in events if isinstance(event, CallAnswered)}
    steps = [event.step for event in recorded.events if isinstance(event, CallAnswered)]
    if not (left := [step for step in steps if step not in asked]):
        return ""
    return f"not asked for: {len(left)} of {len(steps)} recorded answers, first that to {left[0]}"


def load_dataset(recorded: RecordedRun, config: Config) -> Dataset:
    """Load the data that a run was recorded on.

    Args:
        recorded: The run.
        config: Its settings, and where the data lie on this machine.

    Raises:
        InputError: The data are not there, or are others.
    """
    if missing := missing_arguments(config.task):
        raise InputError(
            f"{recorded.source}: expected the folder of its data, got none. Add "
            f"--set task.{missing[0]}=FOLDER."
        )
    dataset: Dataset = loaded(build(config.task))
    if dataset.digest != recorded.manifest.data.digest:
        raise InputError(
            f"{recorded.source}: expected the data that it was recorded on, {dataset.name} with "
            f"the digest {recorded.manifest.data.digest}; here it is {dataset.digest}. Name the "
            f"folder of the data, such as --set task.path=FOLDER."
        )
    return dataset


def require_packages(recorded: RecordedRun) -> None:
    """InputError unless the package of a third party's arm is installed in the same version."""
    packages = recorded.manifest.settings.get("third_party")
    if not isinstance(packages, Mapping) or not all(_is_package(*one) for one in packages.items()):
        raise RecordError(
            f"{recorded.source}: expected third_party to map the packages of its arm to their "
            f"versions, found other values. Obtain a new copy of the run."
        )
    for name, wanted in packages.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "none"
        if installed != wanted:
            raise InputError(
                f"{recorded.source}: expected {name} {wanted}, which brings its arm, found "
                f"{installed}. The record alone names that package: install it only if you trust "
                f"it, or do not replay the run."
            )


def _is_package(name: str, wanted: object) -> bool:
    return all(_PACKAGE.fullmatch(text) for text in (name, str(wanted)))
