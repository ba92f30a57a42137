"""The specification of a run before it starts: its settings, identity and folder."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from harness.config.identity import comparison_digest, digest_of, identity, settings_of
from harness.config.schema import Config
from harness.config.strategies import TARGET
from harness.errors import InputError, RecordError
from harness.evolution.genome import Genome, read_network
from harness.record.code.digests import code_of_run
from harness.record.study import Study, load_study
from harness.tasks.base import Dataset
from harness.text import portable


class Expected(NamedTuple):
    """The work of a run."""

    evaluations: int
    trainings: int


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything known of a run before its backend is opened."""

    config: Config
    dataset: Dataset
    network: Genome
    """The seed network."""
    identity: Mapping[str, Any]
    """Everything that decides its outcome, as plain values (``config.identity``)."""
    study: Study | None
    """The recorded study whose decisions it follows; None for a run that decides itself."""

    @property
    def folder(self) -> Path:
        """The folder of its record: ``ARM-sSEED-DIGEST`` in ``runs_dir``, with a portable name.

        A folder whose name has the arm's own signs, as version 0.2.0 began it, is used as it is.
        """
        config = self.config
        name = f"{config.arm}-s{config.seed}-{digest_of(self.identity)}"
        before = Path(config.runs_dir) / name
        return before if before.is_dir() else before.with_name(portable(name))

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.config.arm}, seed {self.config.seed}"

    @property
    def expected(self) -> Expected:
        """How much work it is at most, about."""
        evaluations = self.config.budget.evaluations
        return Expected(evaluations=evaluations, trainings=most_trainings(self.config))

    @property
    def hashes(self) -> dict[str, str]:
        """Hashes of what ``identity`` has a shorter digest of."""
        known = {"data": self.dataset.sha256, "network": self.network.sha256}
        return known | ({"study": self.study.sha256} if self.study else {})

    @property
    def comparison(self) -> str:
        """Digest of the settings that all runs of one table share."""
        return comparison_digest(self.identity)

    @cached_property
    def code(self) -> dict[str, str]:
        """Digest of each file that decides its course, by name."""
        return code_of_run(classes_of(self.config))

    @property
    def asks_llm(self) -> bool:
        """Whether its proposer asks a model."""
        return "model" in self.config.proposer


def by_folder(specs: Iterable[RunSpec]) -> dict[Path, RunSpec]:
    """Return every run once, by its folder, in order.

    Raises:
        InputError: Two runs that differ have one folder, since their identities have one digest.
    """
    found: dict[Path, RunSpec] = {}
    for spec in specs:
        other = found.setdefault(spec.folder, spec)
        if (other.identity, other.hashes) != (spec.identity, spec.hashes):
            raise InputError(
                f"{spec.folder}: expected one run of this name, found {other.title}, and "
                f"{spec.title} with other settings. Such a pair is made by search; leave one out."
            )
    return found


def most_trainings(config: Config, evaluations: int | None = None) -> int:
    """Return the most trainings of a run: the search and the re-trainings after it.

    The front has no more members than the search evaluated. The selected network and the seed
    network are re-trained on all fresh seeds, the others on one.

    Args:
        config: The run.
        evaluations: Trainings of proposals; by default as many as its budget has.
    """
    evaluations = config.budget.evaluations if evaluations is None else evaluations
    front = min(config.final.hall_of_fame + 1, evaluations)
    confirmed = config.confirm.seeds * (evaluations + 1)
    selected = config.final.seeds + front - 1 if front else 0
    return 1 + evaluations + confirmed + config.final.seeds + selected


def classes_of(config: Config) -> set[str]:
    """Return the import paths of all strategies that a configuration names."""
    return set(_classes_in(vars(config)))


def _classes_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == TARGET and isinstance(inner, str):
                yield inner
            yield from _classes_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _classes_in(inner)


def specify(
    config: Config, dataset: Dataset, network: Genome, study: Study | None = None
) -> RunSpec:
    """Return the specification of a run.

    Args:
        config: Its settings.
        dataset: Its data.
        network: Its seed network.
        study: A recorded study to follow; by default the one that ``config.study`` names.

    Raises:
        RecordError: The study was searched on other data.
    """
    study = study or _named_study(config, dataset)
    known = identity(
        config,
        data=dataset.digest,
        network=network.digest,
        study=study.digest if study else None,
    )
    known |= _source_of_code(config, known)
    return RunSpec(config=config, dataset=dataset, network=network, identity=known, study=study)


def planned_settings(config: Config) -> dict[str, Any]:
    """Return the part of ``RunSpec.identity`` that settings and the files they name decide.

    Data, versions, and a study where the run follows none are not part of it.
    """
    known = settings_of(config)
    known["network"] = read_network(Path(config.network.path)).digest
    if study := _followed_study(config):
        known["study"] = study.digest
    return known | _source_of_code(config, known)


def _source_of_code(config: Config, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the setting ``proposer`` with the digest of the run that it takes code from."""
    if not (source := config.proposer.get("study")):
        return {}
    taken = load_study(Path(source), setting="proposer.study")
    return {"proposer": known["proposer"] | {"digest": taken.content_digest}}


def _followed_study(config: Config) -> Study | None:
    asks = "model" in config.proposer
    return load_study(Path(config.study)) if asks and config.study is not None else None


def _named_study(config: Config, dataset: Dataset) -> Study | None:
    study = _followed_study(config)
    if study is not None and study.task != dataset.name:
        raise RecordError(
            f"{study.path}: expected a study searched on {dataset.name}, this one was on "
            f"{study.task}. Use that task, or model=openai or model=exchange."
        )
    return study
