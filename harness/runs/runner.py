"""From configurations to finished runs: one laboratory for all, and what is complete stays."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.loading import read_run
from harness.analysis.run_result import FRONT
from harness.config.schema import Config
from harness.config.strategies import build
from harness.errors import InputError
from harness.evaluation.assessor import Backend
from harness.evaluation.backend import Backends
from harness.evolution.budget import Ledger
from harness.evolution.genome import Genome
from harness.llm.metering import MeteredModel
from harness.llm.model import Model
from harness.record.events import Manifest
from harness.record.journal import Journal, is_complete, read_events
from harness.record.study import Decisions
from harness.record.wandb_mirror import mirrored
from harness.reporting.console import tracked
from harness.runs.live_display import LiveDisplay
from harness.runs.manifest import manifest_of
from harness.runs.run import Arm, run
from harness.runs.spec import RunSpec, specify
from harness.tasks.base import wording_of


def complete_runs(configs: Sequence[Config], backends: Backends | None = None) -> list[Path]:
    """Run each configuration that has no complete run yet; return all run folders, in order.

    All are arms of one comparison, sharing task, network, recipe, budget, limits and device;
    InputError where they do not.
    """
    with contextlib.ExitStack() as stack:
        return _complete_runs(configs, backends or stack.enter_context(Backends()))


def _complete_runs(configs: Sequence[Config], backends: Backends) -> list[Path]:
    first = configs[0]
    dataset = build(first.task).load(tracked)
    network = read_network(Path(first.network.path))
    specs = [specify(config, dataset, network) for config in configs]
    if len({spec.comparison for spec in specs}) > 1:
        raise InputError(
            f"{', '.join(c.arm for c in configs)}: expected arms that differ in proposer, "
            f"selection, fidelity, sizes, rates or search alone, these differ in more. Use "
            f"compare=[]."
        )
    todo = [spec for spec in specs if not is_complete(spec.folder)]
    models = [_model(spec) for spec in todo]  # a missing key is found before any work
    for spec, model in zip(todo, models, strict=True):
        _complete(spec, backends.open(first, dataset, network), model)
    for spec in specs:
        write_front(spec.folder)
        if spec not in todo:  # complete before, perhaps without a mirror
            with mirrored(spec.config.tracking, spec.folder):
                pass
    return [spec.folder for spec in specs]


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


def _complete(spec: RunSpec, lab: Backend, model: Model | None) -> None:
    config, folder = spec.config, spec.folder
    manifest = manifest_of(spec, lab)
    display = LiveDisplay(
        f"{config.arm}, seed {config.seed}",
        evaluations=config.budget.evaluations,
        mode=config.display,
        words=wording_of(manifest.data.kind),
    )
    with Journal(folder, wait_s=config.wait_s, listener=display.show) as journal, display:
        if is_complete(folder):  # by the process that was waited for
            return
        display.recall(read_events(folder))
        journal.record(manifest)
        write_config(folder, manifest.settings)
        with mirrored(config.tracking, folder):
            decisions = spec.study.decisions if spec.study else Decisions()
            run(config, composed(config, decisions, model, journal), lab, journal)


def write_config(folder: Path, known: Mapping[str, Any]) -> None:
    """Write what decides a run's outcome as a file: what a person wants to open."""
    text = json.dumps(known, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def write_front(folder: Path) -> None:
    """Write the networks of a run's front as files: what a person wants to open."""
    (folder / FRONT).mkdir(exist_ok=True)
    for candidate in read_run(folder).hall_of_fame:
        (folder / FRONT / f"{candidate.step}.py").write_text(candidate.source, encoding="utf-8")


def _model(spec: RunSpec) -> Model | None:
    """Build the model of an arm that asks one."""
    return build(spec.config.model) if spec.asks_llm else None


def composed(config: Config, decisions: Decisions, model: Model | None, journal: Journal) -> Arm:
    """Compose what the loop is given for one arm, its calls going through the journal."""
    ledger = Ledger(budget=config.budget, prices=config.prices)
    parts = {"model": MeteredModel(model, journal, ledger)} if model else {}
    manifest = journal.find(Manifest)
    assert manifest is not None
    chance = {"chance": manifest.data.chance}
    return Arm(
        proposer=build(config.proposer, **parts),
        selection=build(config.selection),
        fidelity=build(config.fidelity, **chance if "chance" in config.fidelity else {}),
        ledger=ledger,
        decisions=decisions,
    )
