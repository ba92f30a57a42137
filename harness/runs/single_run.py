"""One run, from its specification to its record and the files beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.analysis.run_result import FRONT, RunResult
from harness.config.strategies import build
from harness.errors import InputError
from harness.evaluation.backend import Backend
from harness.files import make_own_folder, write_text
from harness.llm.model import Model, is_paid, is_timed
from harness.record.consistency import require_sound
from harness.record.events import RunCompleted
from harness.record.failure import failure_kept
from harness.record.journal import Journal
from harness.record.study import Decisions
from harness.reporting.tracking.wandb_mirror import mirrored
from harness.runs.composed_arm import compose_arm
from harness.runs.display.end import told_of_end
from harness.runs.display.live_display import LiveDisplay
from harness.runs.display.shared_panel import SharedPanel
from harness.runs.estimates.dry_run import small_limits
from harness.runs.manifest import manifest_of, record_code, require_same_run
from harness.runs.run import run
from harness.runs.spec import RunSpec
from harness.runs.sweeps.progress import Progress
from harness.runs.sweeps.resumption import told_of_resumption
from harness.secrets import without_secrets
from harness.tasks.base import scale_of, wording_of
from harness.terminal import say


def complete_run(
    spec: RunSpec,
    backend: Backend,
    model: Model | None,
    overall: Progress,
    shared: SharedPanel | None = None,
) -> None:
    """Run one arm, unless another process has completed it.

    Args:
        spec: The run.
        backend: Gates and trains.
        model: The model that it asks.
        overall: Progress of the command.
        shared: Where runs that go on at once are shown.

    Raises:
        RunHeldError: Another process works on the run.
    """
    config, folder = spec.config, spec.folder
    manifest = manifest_of(spec, backend.machine)
    display = LiveDisplay(
        spec.title,
        budget=config.budget,
        training_price=config.training_price,
        is_paid=model is not None and is_paid(model),
        mode=config.display,
        words=wording_of(manifest.data.kind),
        overall=lambda: overall.text,
        panel=shared.panel if shared else None,
    )
    with (
        Journal(folder, wait_s=0, listener=display.show) as journal,
        shared.showing(display) if shared else display,
        failure_kept(folder),
    ):
        known = [entry.event for entry in journal.entries]
        require_same_run(spec, known)  # again: another process may have begun it meanwhile
        if journal.find(RunCompleted):  # by another process, since it was last looked for
            return
        if known:
            require_sound(known, folder)
            display.say(told_of_resumption(known, config.budget))
        display.recall(known)
        journal.record(manifest)
        record_code(journal, manifest)
        write_config(folder, manifest.settings)
        arm = compose_arm(
            config,
            journal,
            model=model,
            data=manifest.data,
            decisions=spec.study.decisions if spec.study else Decisions(),
        )
        with mirrored(config.tracking, folder):
            result = run(config, spec.network, arm, backend, journal)
    for line in told_of_end(result):
        display.say(line)
    display.tell_overall(overall.text_now())


def model_of(spec: RunSpec) -> Model | None:
    """Construct the model of an arm that asks one, and try the arm's other strategies with it.

    Raises:
        InputError: A strategy refuses its arguments, or the budget is in seconds, and the model
            does not know those of its answers.
    """
    config, dataset = spec.config, spec.dataset
    model: Model | None = build(config.model) if spec.asks_llm else None
    parts = {"model": model} if model else {}
    proposer = build(config.proposer, wording=wording_of(dataset.kind), **parts)
    build(config.selection)
    build(config.fidelity, chance=scale_of(dataset.kind).chance(dataset))
    if model is None:
        return None
    if spec.config.budget.seconds is not None and not is_timed(model):
        raise InputError(
            f"budget.seconds: expected a model that knows how long each answer took, "
            f"{type(model).__name__} of the arm {spec.config.arm} does not. Limit "
            f"budget.evaluations, budget.train_s or budget.llm_calls instead."
        )
    for warning in small_limits(config, proposer):
        say(f"{spec.title}: WARNING: {warning}")
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
