"""Run a recorded run again: ``python -m harness.replay RUN_OR_ARCHIVE... --out DIR``.

Without network, key or training: answers and measurements come from the record, everything between
them is computed again, and what is recorded at the end must be what was recorded before. With
``--retrain`` the answers and the decisions come from the record, and every network is trained and
scored here.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from harness.config.compose import restored
from harness.config.schema import Config
from harness.config.strategies import build, missing_arguments
from harness.errors import InputError, RecordError, ReplayMiss
from harness.evaluation.assessor import Judges
from harness.evaluation.backend import Backends
from harness.evolution.genome import Genome
from harness.llm.model import UNMETERED, Completion, Meter, Model, Request
from harness.record.archive import complete_events, read_archive, scores_of, study_of
from harness.record.journal import JOURNAL_NAME, Event, Journal, find_runs
from harness.reporting.console import show_table, tracked
from harness.reporting.summary import print_comparison
from harness.runs.manifest import manifest_of
from harness.runs.run import run
from harness.runs.runner import composed, write_config, write_front
from harness.runs.spec import specify
from harness.tasks.image_classification.datasets import Dataset

_ANSWERS = frozenset({"call", "sent", "failed", "refused", "gates"})
"""Kinds of events that a replay takes from the record even where it trains anew: what was answered,
and the refusals that an LLM was told of."""
_WAIT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A run as it was recorded: where it was found, its name, its events."""

    source: Path
    name: str
    events: tuple[Event, ...]

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The run's first event."""
        return self.by_key["manifest"].content

    @property
    def by_key(self) -> dict[str, Event]:
        """Events by key."""
        return {event.key: event for event in self.events}

    @property
    def network(self) -> Genome:
        """The seed network."""
        return Genome.parse(self.by_key["reference"].content["source"])


class ReplayJournal(Journal):
    """A journal that knows what an earlier one holds, and takes it from there when asked."""

    def __init__(self, folder: Path, recorded: Recorded, *, only: Container[str] = ()) -> None:
        if (folder / JOURNAL_NAME).exists():
            raise InputError(
                f"--out: expected a folder that holds no {folder.name} yet, {folder.parent} does. "
                f"Choose another, or remove it."
            )
        super().__init__(folder, wait_s=_WAIT_S)
        self._recorded = {
            key: event for key, event in recorded.by_key.items() if not only or event.kind in only
        }

    def find(self, key: str) -> Mapping[str, Any] | None:
        """Return an event's content, from the record where this journal has not got it yet."""
        found = super().find(key)
        event = self._recorded.get(key)
        if found is None and event is not None:
            self.record(key, event.content)
            return event.content
        return found

    def record(self, key: str, content: Mapping[str, Any], *, at: float | None = None) -> None:
        """Append an event, at the time at which it was recorded first."""
        event = self._recorded.get(key)
        super().record(key, content, at=event.at if event else at)


class NoModel:
    """Stands where the LLM was: whatever the record does not answer is an error."""

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Raise ReplayMiss."""
        del meter
        raise ReplayMiss(
            f"{request.step}: the record holds no answer to this prompt. What decides the course "
            f"of a run has changed since it was recorded."
        )


class NoJudge:
    """Stands where gates and training were: whatever was not recorded is an error."""

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


def replay(recorded: Recorded, out: Path) -> Path:
    """Run it again from its record alone; RecordError where anything comes out otherwise."""
    config = restored(recorded.manifest["config"], [])
    folder = out / recorded.name
    judge = NoJudge()
    judges = Judges(network=recorded.network, validate=judge, evaluate=judge)
    with ReplayJournal(folder, recorded) as journal:
        journal.record("manifest", recorded.manifest)
        scores = scores_of(recorded.events) if recorded.manifest["study"] else {}
        arm = composed(config, scores, _model(config), journal)
        run(config, arm, judges, journal)
    _finish(folder, recorded.manifest)
    _require_equal(recorded, complete_events(folder))
    return folder


def retrain(recorded: Recorded, out: Path, backends: Backends, overrides: Sequence[str]) -> Path:
    """Run it again with the recorded answers and decisions, and train every network here."""
    config = restored(recorded.manifest["config"], [*overrides, f"runs_dir={out}"])
    dataset = dataset_of(recorded, config)
    lab = backends.open(config, dataset, recorded.network)
    asks = _model(config) is not None
    study = study_of(recorded.events, path=recorded.source) if asks else None
    spec = specify(config, dataset, recorded.network, study)
    folder = out / recorded.name
    with ReplayJournal(folder, recorded, only=_ANSWERS) as journal:
        manifest = manifest_of(spec, lab)
        journal.record("manifest", manifest)
        arm = composed(config, scores_of(recorded.events), _model(config), journal)
        run(config, arm, lab, journal)
    _finish(folder, manifest)
    return folder


def dataset_of(recorded: Recorded, config: Config) -> Dataset:
    """Load the data that a run was recorded on; InputError where they are not here."""
    if missing := missing_arguments(config.task):
        raise InputError(
            f"{recorded.source}: expected to be told where its data lie: --set "
            f"task.{missing[0]}=FOLDER."
        )
    dataset: Dataset = build(config.task).load(tracked)
    if dataset.digest != recorded.manifest["data"]["digest"]:
        raise InputError(
            f"{recorded.source}: expected the data that it was recorded on, {dataset.name} with "
            f"the digest {recorded.manifest['data']['digest']}; here it is {dataset.digest}. Say "
            f"where the data lie, such as --set task.path=FOLDER."
        )
    return dataset


def differences(recorded: Recorded, folder: Path) -> list[list[str]]:
    """Return a header, then a row for each network that this machine measured otherwise."""
    measured = {event.key: event.content for event in complete_events(folder)}
    rows = [["network", "recorded", "measured here"]]
    for key, was in _measured(recorded.by_key):
        now = measured.get(key)
        if now is None or _told(now) != _told(was):
            rows.append([key.replace("/", " "), _told(was), _told(now) if now else "not at all"])
    return rows


def _measured(events: Mapping[str, Event]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, event in events.items():
        if event.kind in {"reference", "proposal"}:
            yield key, event.content
        elif event.kind == "final":
            yield key, {"measured": event.content}


def _told(content: Mapping[str, Any]) -> str:
    outcome = content.get("measured", content)
    if "gate" in outcome:
        return f"refused by {outcome['gate']}"
    return f"accuracy {outcome['score']:.2%}, {outcome['n_params']:,} parameters"


def _require_equal(recorded: Recorded, events: Sequence[Event]) -> None:
    was = {event.key: event for event in recorded.events}
    now = {event.key: event for event in events}
    other = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    if other:
        raise RecordError(
            f"{recorded.source}: expected the {len(was)} events that were recorded, "
            f"{len(other)} came out otherwise, first {', '.join(other[:3])}. Replay it with the "
            f"version that recorded it, guided-evolution {recorded.manifest['config']['version']}"
            f" (commit {recorded.manifest['commit']})."
        )


def _model(config: Config) -> Model | None:
    return NoModel() if "model" in config.proposer else None


def _finish(folder: Path, manifest: Mapping[str, Any]) -> None:
    write_config(folder, manifest["config"])
    write_front(folder)


def _require_packages(recorded: Recorded) -> None:
    """InputError where an arm's own package is not installed, or in another version."""
    for name, wanted in recorded.manifest["config"]["third_party"].items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "none"
        if found != wanted:
            raise InputError(
                f"{recorded.source}: expected {name} {wanted}, which brings its arm, found "
                f"{found}. Install it: pip install {name}=={wanted}."
            )


def found(paths: Sequence[Path]) -> list[Recorded]:
    """Read runs and archives, and those that folders hold; InputError where there is none."""
    runs = []
    for path in paths:
        if path.is_file():
            name, events = read_archive(path)
            runs.append(Recorded(source=path, name=name, events=tuple(events)))
            continue
        folders = [path] if (path / JOURNAL_NAME).exists() else find_runs(path)
        inside = sorted(path.glob("*.zip"))
        if not folders and not inside:
            raise InputError(
                f"{path}: expected a run's folder or an archive of python -m harness.export, or a "
                f"folder of such, found none."
            )
        runs += [Recorded(source=f, name=f.name, events=tuple(complete_events(f))) for f in folders]
        runs += found(inside) if inside else []
    return runs


def _once(runs: Sequence[Recorded]) -> list[Recorded]:
    """Leave out what is there twice; InputError where two that differ have one name."""
    named: dict[str, Recorded] = {}
    for one in runs:
        other = named.setdefault(one.name, one)
        if other.by_key != one.by_key:
            raise InputError(
                f"{other.source} and {one.source}: expected one run of the name {one.name}, these "
                f"differ. Replay them one by one."
            )
    return list(named.values())


def replay_all(
    paths: Sequence[Path], out: Path, *, retrains: bool, overrides: Sequence[str]
) -> None:
    """Replay every run that the paths hold, print what came out otherwise, then the table.

    Args:
        paths: Run folders, archives, or folders of either.
        out: Folder for the replayed runs.
        retrains: Whether to train every network again on this machine.
        overrides: Settings of this machine for that.
    """
    runs = _once(found(paths))
    for recorded in runs:
        _require_packages(recorded)
    folders = []
    with ExitStack() as stack:
        backends = stack.enter_context(Backends())
        for recorded in runs:
            if not retrains:
                folders.append(replay(recorded, out))
                print(
                    f"{recorded.name}: {len(recorded.events)} events, all as recorded", flush=True
                )
                continue
            folders.append(retrain(recorded, out, backends, overrides))
            rows = differences(recorded, folders[-1])
            n = sum(1 for _ in _measured(recorded.by_key))
            print(f"{recorded.name}: {n - len(rows) + 1} of {n} measured as recorded", flush=True)
            if len(rows) > 1:
                show_table(rows, title="Measured otherwise", notes=[], text=True)
    print_comparison(folders, out)
