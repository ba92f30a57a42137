"""The specification of a run before it starts: its settings, identity and folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.identity import comparison_digest, digest_of, identity, settings_of
from harness.config.schema import Config
from harness.errors import RecordError
from harness.evolution.genome import Genome, read_network
from harness.record.study import Study, load_study
from harness.tasks.base import Dataset


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
        """The folder of its record: ``ARM-sSEED-DIGEST`` in ``runs_dir``."""
        config = self.config
        return Path(config.runs_dir) / f"{config.arm}-s{config.seed}-{digest_of(self.identity)}"

    @property
    def comparison(self) -> str:
        """Digest of the settings that all runs of one table share."""
        return comparison_digest(self.identity)

    @property
    def asks_llm(self) -> bool:
        """Whether its proposer asks a model."""
        return "model" in self.config.proposer


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
