"""Recorded runs, from run folders and archives: what a replay starts from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.config.schema import Config
from harness.config.strategies import build, missing_arguments
from harness.errors import GenomeError, InputError, RecordError
from harness.evolution.genome import Genome
from harness.record.archive import complete_entries, read_archive
from harness.record.event import Entry, Event
from harness.record.events import Manifest, ReferenceEvaluated
from harness.record.journal import JOURNAL_NAME, find_runs
from harness.reporting.console import loaded
from harness.runs.recorded_gates import require_intake
from harness.tasks.base import Dataset
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

    @property
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
    """Return a run whose trained networks have a size and characters that gates accept."""
    try:
        require_intake(recorded.events)
    except (ValueError, GenomeError) as error:
        raise RecordError(
            f"{recorded.source}: expected trained networks that the gates accept, "
            f"{reason_of(str(error))}. Obtain a new copy of the run."
        ) from None
    return recorded


def distinct(runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """Leave out repetitions of a run; InputError where two that differ have one name."""
    by_name: dict[str, RecordedRun] = {}
    for run in runs:
        other = by_name.setdefault(run.name, run)
        if other.by_key != run.by_key:
            raise InputError(
                f"{other.source} and {run.source}: expected one run of the name {run.name}, these "
                f"differ. Replay them one by one."
            )
    return list(by_name.values())


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
