"""Mirror runs to Weights & Biases from a process of its own. The door to wandb.

The mirror reads the journal. It may fail or be killed at any moment: no result depends on it, and
the run waits for it at its end only, for a bounded time.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.evolution.candidate import Evaluation, Rejection
from harness.files import open_to_append, write_text
from harness.record.event import Event
from harness.record.events import (
    ChildDecided,
    GenerationEnded,
    Manifest,
    NetworkRetrained,
    RunCompleted,
)
from harness.record.journal import read_entries
from harness.terminal import exit_on_error, say
from harness.text import each_text, visible

_POLL_S = 0.5
_MARK = "tracking.done"
"""File in a run's folder that says that all of it has been mirrored."""
_FOLDERS = ("wandb", ".wandb")
"""Folders of a run's folder that W&B writes to: the second where it exists, else the first."""


@contextlib.contextmanager
def mirrored(tracking: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Mirror the run in this folder while the block runs, unless tracking is off or it was done."""
    if tracking["mode"] == "off" or (folder / _MARK).exists():
        yield
        return
    process = _start(tracking, ["--run", str(folder), "--parent", str(os.getpid())], folder)
    try:
        yield
    finally:
        _finish(process, tracking, folder)


def publish(
    tracking: Mapping[str, Any], folders: Sequence[Path], table: Path, figure: Path
) -> None:
    """Add the comparison's table and figure to the runs' group, unless tracking is off."""
    if tracking["mode"] == "off":
        return
    arguments = ["--table", str(table), "--figure", str(figure)]
    for folder in folders:
        arguments += ["--of", str(folder)]
    process = _start(tracking, arguments, folders[0])
    _finish(process, tracking, folders[0])


def _start(
    tracking: Mapping[str, Any], arguments: list[str], folder: Path
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "harness.record.wandb_mirror"]
    command += ["--project", tracking["project"]]
    if tracking["entity"]:
        command += ["--entity", tracking["entity"]]
    with open_to_append(folder / "tracking.log") as log:
        return subprocess.Popen(
            command + arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _finish(process: subprocess.Popen[bytes], tracking: Mapping[str, Any], folder: Path) -> None:
    try:
        status = process.wait(timeout=tracking["finish_s"])
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    if status:
        say(
            f"tracking: the W&B mirror of {folder} ended with status {status}; the results are "
            f"complete without it. Its output: {folder / 'tracking.log'}",
            error=True,
        )


def main() -> None:
    """Mirror one run until it is complete or its process is gone, or publish a comparison."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", required=True)
    parser.add_argument("--entity")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--parent", type=int)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--of", type=Path, action="append")
    arguments = parser.parse_args()
    with exit_on_error():
        if arguments.run:
            _mirror(arguments)
        else:
            _publish(arguments)


def _mirror(arguments: argparse.Namespace) -> None:
    run = _init(arguments, arguments.run, name=arguments.run.name)
    step = 0
    done = complete = False
    while not done:
        # Ask before reading, so that the read below has all that the run wrote before it ended.
        done = not _alive(arguments.parent)
        for entry in read_entries(arguments.run, after=step):
            step += 1
            if values := _plotted(entry.event):
                run.log(values, step=step)
            complete = isinstance(entry.event, RunCompleted)
            done = done or complete
        time.sleep(0 if done else _POLL_S)
    run.finish()
    if complete:
        write_text(arguments.run / _MARK, "")


def _publish(arguments: argparse.Namespace) -> None:
    import csv

    import wandb

    run = _init(arguments, arguments.of[0], job_type="comparison", name="comparison")
    rows: list[list[Any]] = list(csv.reader(arguments.table.open(encoding="utf-8")))
    run.log(
        {
            "comparison": wandb.Table(columns=rows[0], data=rows[1:]),
            "pareto": wandb.Image(str(arguments.figure)),
        }
    )
    run.finish()


def _init(
    arguments: argparse.Namespace, folder: Path, *, name: str, job_type: str | None = None
) -> Any:
    """Start a run of W&B in the group of the run in ``folder``; ``job_type``: default its arm."""
    import wandb

    manifest = read_entries(folder)[0].event
    assert isinstance(manifest, Manifest)
    for path in (folder / name for name in _FOLDERS):
        if path.is_symlink():  # W&B would follow it
            path.unlink()
    return wandb.init(
        project=arguments.project,
        entity=arguments.entity,
        group=f"{manifest.data.name}-{manifest.comparison}",
        job_type=job_type or manifest.arm,
        name=name,
        config=each_text(manifest.content, visible),
        dir=str(folder),
        settings=wandb.Settings(console="off", x_disable_stats=True, silent=True),
    )


def _plotted(event: Event) -> dict[str, Any]:
    """Return the values of an event that W&B plots, by name."""
    match event:
        case ChildDecided(generation=generation, measured=Evaluation() as measured):
            scores = {name: getattr(measured, name) for name in ("score", "n_params", "train_s")}
            return {"generation": generation, "accepted": 1, **scores}
        case ChildDecided(generation=generation, measured=Rejection(train_s=train_s)):
            spent = {} if train_s is None else {"train_s": train_s}
            return {"generation": generation, "accepted": 0, **spent}
        case GenerationEnded(population=population):
            return {"population": len(population)}
        case NetworkRetrained(outcome=Evaluation(score=score)):
            return {"test_score": score}
    return {}


def _alive(pid: int) -> bool:
    return os.getppid() == pid


if __name__ == "__main__":
    main()
