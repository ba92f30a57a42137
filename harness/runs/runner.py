"""From configurations to finished runs, all on one backend; a complete run is not run again."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.loading import read_run
from harness.analysis.metrics import comparable_metric
from harness.analysis.run_result import FRONT, RunResult
from harness.config.identity import table_digest
from harness.config.schema import Config
from harness.config.strategies import TARGET, build, strategy_class
from harness.errors import InputError
from harness.evaluation.backend import Backend
from harness.evaluation.executor import Executor, Executors
from harness.evolution.genome import read_network
from harness.files import make_own_folder, write_text
from harness.llm.model import Model, is_timed
from harness.record.consistency import MOST_PROPOSALS, require_sound
from harness.record.events import RunCompleted
from harness.record.journal import Journal, is_complete
from harness.record.study import Decisions
from harness.record.wandb_mirror import mirrored
from harness.reporting.console import loaded
from harness.runs.composed_arm import compose_arm
from harness.runs.live_display import LiveDisplay
from harness.runs.manifest import manifest_of
from harness.runs.run import run
from harness.runs.spec import RunSpec, specify
from harness.secrets import without_secrets
from harness.tasks.base import wording_of


def complete_runs(configs: Sequence[Config], executor: Executor | None = None) -> list[RunResult]:
    """Run each configuration that has no complete run yet; return all results, in order.

    Args:
        configs: Arms of one comparison: they share task, network, recipe, limits and device.
        executor: Opens the backend; by default the one that the configurations name.

    Raises:
        InputError: The configurations differ in more than arms of a comparison may.
    """
    with contextlib.ExitStack() as stack:
        executor = executor or stack.enter_context(contextlib.closing(Executors()))
        return _complete_all(configs, executor)


def _complete_all(configs: Sequence[Config], executor: Executor) -> list[RunResult]:
    first = configs[0]
    dataset = loaded(build(first.task))
    comparable_metric(first.final.measure, wording_of(dataset.kind), setting="final.measure")
    network = read_network(Path(first.network.path))
    specs = [specify(config, dataset, network) for config in configs]
    if len({table_digest(spec.identity) for spec in specs}) > 1:
        raise InputError(
            f"{', '.join(c.arm for c in configs)}: expected arms that differ in proposer, "
            f"selection, fidelity, sizes, rates, search or budget alone, these differ in more. Use "
            f"compare=[]."
        )
    for spec in specs:
        _require_fitting(spec)
        if spec.folder.is_symlink():  # its target may be anybody's folder
            raise InputError(
                f"{spec.folder}: expected a run's folder or none, found a link. Replace it by what "
                f"it leads to, or use another runs_dir."
            )
    results = {spec.folder: read_run(spec.folder) for spec in specs if is_complete(spec.folder)}
    todo = [spec for spec in specs if spec.folder not in results]
    for spec in todo:
        _require_readable(spec)
    models = [_model(spec) for spec in todo]  # a missing key is found before any work
    if todo:
        backend = executor.open(first, dataset, network)
        for spec, model in zip(todo, models, strict=True):
            results[spec.folder] = _complete(spec, backend, model)
    for spec in specs:
        write_front(results[spec.folder])
        if spec not in todo:  # complete before, perhaps without a mirror
            with mirrored(spec.config.tracking, spec.folder):
                pass
    return [results[spec.folder] for spec in specs]


def _require_fitting(spec: RunSpec) -> None:
    """Raise InputError if the arm's proposer cannot vary the seed network, before any work."""
    node = spec.config.proposer
    # One that asks no LLM is complete without a model, and may know more than its class.
    proposer = (
        strategy_class(node[TARGET])
        if spec.asks_llm
        else build(node, wording=wording_of(spec.dataset.kind))
    )
    check = getattr(proposer, "require", None)
    try:
        if check is not None:
            check(spec.network)
    except InputError as error:
        raise InputError(
            f"{error} Or leave the arm {spec.config.ablation} out (compare=[NAMES])."
        ) from None


def _require_readable(spec: RunSpec) -> None:
    """Raise InputError if the run may become longer than what tables read, before any work."""
    if (most := spec.config.budget.proposals) > MOST_PROPOSALS:
        raise InputError(
            f"budget.proposals: expected at most {MOST_PROPOSALS:,}, which tables read, got "
            f"{most:,}. It is five times budget.evaluations unless you set it."
        )


def _complete(spec: RunSpec, backend: Backend, model: Model | None) -> RunResult:
    """Run one arm; return its result."""
    config, folder = spec.config, spec.folder
    manifest = manifest_of(spec, backend.machine)
    display = LiveDisplay(
        f"{config.arm}, seed {config.seed}",
        budget=config.budget,
        training_price=config.training_price,
        mode=config.display,
        words=wording_of(manifest.data.kind),
    )
    with Journal(folder, wait_s=config.wait_s, listener=display.show) as journal, display:
        if journal.find(RunCompleted):  # by the process that was waited for
            return read_run(folder)
        if known := [entry.event for entry in journal.entries]:
            require_sound(known, folder)
        display.recall(known)
        journal.record(manifest)
        write_config(folder, manifest.settings)
        arm = compose_arm(
            config,
            journal,
            model=model,
            data=manifest.data,
            decisions=spec.study.decisions if spec.study else Decisions(),
        )
        with mirrored(config.tracking, folder):
            return run(config, spec.network, arm, backend, journal)


def _model(spec: RunSpec) -> Model | None:
    """Construct the model of an arm that asks one.

    Raises:
        InputError: The budget is in seconds, and the model does not know those of its answers.
    """
    if not spec.asks_llm:
        return None
    model: Model = build(spec.config.model)
    if spec.config.budget.seconds is not None and not is_timed(model):
        raise InputError(
            f"budget.seconds: expected a model that knows how long each answer took, "
            f"{type(model).__name__} of the arm {spec.config.arm} does not. Limit "
            f"budget.evaluations, budget.train_s or budget.llm_calls instead."
        )
    return model


def write_config(folder: Path, known: Mapping[str, Any]) -> None:
    """Write the settings that decide a run's outcome as a file for people to read."""
    text = json.dumps(known, indent=2, sort_keys=True) + "\n"
    write_text(folder / "config.json", without_secrets(text))


def write_front(result: RunResult) -> None:
    """Write the networks of a run's front as files for people to read."""
    make_own_folder(result.folder / FRONT)
    for candidate in result.hall_of_fame:
        path = result.folder / FRONT / f"{candidate.step}.py"
        write_text(path, candidate.source)
