"""From configurations to finished runs: one laboratory for all, and what is complete stays."""

import contextlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.analysis.loading import read_run
from harness.analysis.run_result import FRONT, OF_THE_ARM
from harness.config.compose import build, installed, takes, third_party
from harness.config.paths import ROOT
from harness.config.schema import Config
from harness.errors import InputError, RecordError
from harness.evaluation.assessor import Laboratory, Scores
from harness.evaluation.backend import Laboratories
from harness.evaluation.cache import processor
from harness.evolution.budget import Ledger
from harness.evolution.genome import Genome
from harness.llm.metering import Calls
from harness.llm.model import Model
from harness.record.archive import Study, load_study
from harness.record.journal import Journal, digest_of, is_complete, read_events
from harness.record.wandb_mirror import mirrored
from harness.reporting.console import Display, tracked
from harness.runs.run import Arm, run
from harness.tasks.image_classification.datasets import Dataset

_PATHS = frozenset({"path", "folder", "root", "study", "runs_dir"})
_TRANSPORT = frozenset(
    {
        "base_url", "key_env", "timeout_s", "attempts", "concurrency", "backoff_s",
        "backoff_max_s", "patience_s", "settle_s",
    }
)  # fmt: skip
"""How a model is reached, which changes no answer."""
_SAID = frozenset({"i_select_on_test_data"})
"""What a person has to say, and which changes nothing: ``search.split`` does."""
_NOT_IDENTITY = frozenset(
    {
        "compare", "model", "prompts", "workers", "llm_workers", "save_every_s", "wait_s",
        "display", "tracking", "eot",
    }
)  # fmt: skip


def complete_runs(
    configs: Sequence[Config], laboratories: Laboratories | None = None
) -> list[Path]:
    """Run each configuration that has no complete run yet; return all run folders, in order.

    All are arms of one comparison, sharing task, network, recipe, budget, limits and device;
    InputError where they do not.
    """
    with contextlib.ExitStack() as stack:
        return _complete_runs(configs, laboratories or stack.enter_context(Laboratories()))


def _complete_runs(configs: Sequence[Config], laboratories: Laboratories) -> list[Path]:
    first = configs[0]
    dataset: Dataset = build(first.task).load(tracked)
    network = read_network(Path(first.network.path))
    studies = [_study(config, dataset) for config in configs]
    identities = [
        identity(config, dataset, network, study)
        for config, study in zip(configs, studies, strict=True)
    ]
    folders = [
        Path(config.runs_dir) / f"{config.arm}-s{config.seed}-{digest_of(known)}"
        for config, known in zip(configs, identities, strict=True)
    ]
    if len({comparison(known) for known in identities}) > 1:
        raise InputError(
            f"{', '.join(c.arm for c in configs)}: expected arms that differ in proposer, "
            f"selection, fidelity, sizes, rates or search alone, these differ in more. Use "
            f"compare=[]."
        )
    todo = [i for i, folder in enumerate(folders) if not is_complete(folder)]
    models = {i: _model(configs[i]) for i in todo}  # a missing key is found before any work
    for i in todo:
        lab = laboratories.open(first, dataset, network)
        _complete(
            configs[i],
            manifest=manifest_of(configs[i], identities[i], lab, studies[i]),
            folder=folders[i],
            lab=lab,
            model=models[i],
            study=studies[i],
        )
    for i, folder in enumerate(folders):
        write_front(folder)
        if i not in todo:  # complete before, perhaps without a mirror
            with mirrored(configs[i].tracking, folder):
                pass
    return folders


def read_network(path: Path) -> Genome:
    """Read a seed network; InputError where the file or its segments are missing."""
    try:
        # Bytes that are no text pass as surrogates, for the intake gate to refuse by line.
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise InputError(
            f"{path}: expected a network's Python file, it cannot be read ({error.strerror})."
        ) from None
    return Genome.parse(text, origin=str(path))


def identity(
    config: Config, dataset: Dataset, network: Genome, study: Study | None
) -> dict[str, Any]:
    """Everything that decides a run's outcome, and nothing else, as plain values."""
    return settings_of(config) | {
        "data": dataset.digest,
        "network": network.digest,
        "study": study_digest(study) if study else None,
        "version": version("guided-evolution"),
        "torch": version("torch"),
        "third_party": third_party(config.proposer) | third_party(config.selection),
    }


def study_digest(study: Study) -> str:
    """Name a recorded study by all that it holds."""
    return digest_of([list(study.calls), dict(study.scores)])


def settings_of(config: Config) -> dict[str, Any]:
    """What decides a run's outcome as far as a configuration says it, as plain values."""
    known = _plain(asdict(config))
    kept = {key: value for key, value in known.items() if key not in _NOT_IDENTITY}
    if config.budget.cost is None:
        del kept["prices"]
    return kept


def comparison(known: dict[str, Any]) -> str:
    """Name what must be equal between arms that stand in one table."""
    shared = {k: v for k, v in known.items() if k not in OF_THE_ARM | {"study"}}
    return digest_of(shared)


def _complete(
    config: Config,
    *,
    manifest: dict[str, Any],
    folder: Path,
    lab: Laboratory,
    model: Model | None,
    study: Study | None,
) -> None:
    display = Display(
        f"{config.arm}, seed {config.seed}",
        evaluations=config.budget.evaluations,
        mode=config.display,
    )
    with Journal(folder, wait_s=config.wait_s, listener=display.show) as journal, display:
        if is_complete(folder):  # by the process that was waited for
            return
        display.recall([event for _, event in read_events(folder)])
        journal.record("manifest", manifest)
        write_config(folder, manifest["config"])
        with mirrored(config.tracking, folder):
            scores = study.scores if study else {}
            run(config, composed(config, scores, model, journal), lab, journal)


def write_config(folder: Path, known: Mapping[str, Any]) -> None:
    """Write what decides a run's outcome as a file: what a person wants to open."""
    text = json.dumps(known, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def write_front(folder: Path) -> None:
    """Write the networks of a run's front as files: what a person wants to open."""
    (folder / FRONT).mkdir(exist_ok=True)
    for candidate in read_run(folder).hall_of_fame:
        (folder / FRONT / f"{candidate.step}.py").write_text(candidate.source, encoding="utf-8")


def _model(config: Config) -> Model | None:
    """Build the model of an arm that asks one."""
    return build(config.model) if takes(config.proposer, "model") else None


def composed(config: Config, scores: Scores, model: Model | None, journal: Journal) -> Arm:
    """Compose what the loop is given for one arm, its calls going through the journal."""
    ledger = Ledger(budget=config.budget, prices=config.prices, **_most(config.proposer))
    parts = {"model": Calls(model, journal, ledger)} if model else {}
    manifest = journal.find("manifest")
    assert manifest is not None
    chance = {"chance": 1 / manifest["data"]["n_classes"]}
    return Arm(
        proposer=build(config.proposer, **parts),
        selection=build(config.selection),
        fidelity=build(config.fidelity, **chance if takes(config.fidelity, "chance") else {}),
        ledger=ledger,
        scores=scores,
    )


def _most(proposer: Mapping[str, Any]) -> dict[str, Any]:
    """What one child may ask for at most, where the proposer's settings say so."""
    if "repair_attempts" not in proposer or "max_tokens" not in proposer:
        return {}
    calls_of_a_variation = 2 + proposer["repair_attempts"]  # with its review
    return {
        "most_calls": 2 * calls_of_a_variation,
        "most_tokens": int(max(proposer["max_tokens"])),
    }


def _study(config: Config, dataset: Dataset) -> Study | None:
    """Return the recorded study, for an arm that asks a model at all."""
    if config.study is None or not takes(config.proposer, "model"):
        return None
    study = load_study(Path(config.study))
    if study.task != dataset.name:
        raise RecordError(
            f"{study.path}: expected a study searched on {dataset.name}, this one was on "
            f"{study.task}. Use that task, or model=openai or model=exchange."
        )
    return study


def manifest_of(
    config: Config, known: dict[str, Any], lab: Laboratory, study: Study | None
) -> dict[str, Any]:
    """Describe a run: what is composed, on which data, on which machine, with which packages."""
    dataset = lab.dataset
    return {
        "arm": config.arm,
        "seed": config.seed,
        "comparison": comparison(known),
        "variant": digest_of({k: v for k, v in known.items() if k not in {"seed", "study"}}),
        "config": known,
        "data": {
            "name": dataset.name,
            "digest": dataset.digest,
            "n_classes": dataset.n_classes,
            "n_train": len(dataset.train),
            "n_validation": len(dataset.validation),
            "n_test": len(dataset.test),
        },
        "study": {"model": study.model, "date": study.date} if study else None,
        "prompts": digest_of(config.prompts),
        "machine": {
            **lab.machine,
            "cpu": processor(),
            "python": platform.python_version(),
        },
        "packages": installed(),
        "commit": _commit(),
    }


def _commit() -> str | None:
    """The checkout's commit, marked where files differ from it; None outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def _plain(value: Any, left_out: frozenset[str] = _PATHS | _SAID) -> Any:
    """Copy nested values without what only says where files lie and how a model is reached."""
    if isinstance(value, dict):
        return {
            k: _plain(v, left_out | _TRANSPORT if k == "model" else left_out)
            for k, v in value.items()
            if k not in left_out
        }
    if isinstance(value, list):
        return [_plain(v, left_out) for v in value]
    return value
