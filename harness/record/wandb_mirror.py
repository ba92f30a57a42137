"""Mirror runs to Weights & Biases from a process of its own. The door to wandb.

The mirror reads the journal and can be killed, or fail, at any moment: the run never waits for
it but at its end, for a bounded time, and no result depends on it.
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

from harness.record.journal import read_events

_POLL_S = 0.5
_MARK = "tracking.done"
"""Left in a run's folder when all of it has been mirrored."""


@contextlib.contextmanager
def mirrored(tracking: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Mirror the run in this folder while the block runs, if tracking says so; once is enough."""
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
    """Add the comparison's table and figure to the runs' group, if tracking says so."""
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
    command = [
        sys.executable,
        "-m",
        "harness.record.wandb_mirror",
        "--project",
        tracking["project"],
    ]
    if tracking["entity"]:
        command += ["--entity", tracking["entity"]]
    with (folder / "tracking.log").open("ab") as log:
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
        print(
            f"tracking: the W&B mirror of {folder} ended with status {status}; the results are "
            f"complete without it. Its output: {folder / 'tracking.log'}",
            file=sys.stderr,
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
    if arguments.run:
        _mirror(arguments)
    else:
        _publish(arguments)


def _mirror(arguments: argparse.Namespace) -> None:
    cursor, events = 0, read_events(arguments.run)
    manifest = events[0][1].content
    run = _init(arguments, manifest, job_type=manifest["arm"], name=arguments.run.name)
    done = complete = False
    while not done:
        # Asked before reading: what the run wrote last is then read below.
        done = not _alive(arguments.parent)
        for seq, event in read_events(arguments.run, after=cursor):
            cursor = seq
            done = done or event.kind == "complete"
            values = _values(event.key, event.content)
            if values:
                run.log(values, step=seq)
            complete = event.kind == "complete"
        time.sleep(0 if done else _POLL_S)
    run.finish()
    if complete:
        (arguments.run / _MARK).touch()


def _publish(arguments: argparse.Namespace) -> None:
    import csv

    import wandb

    manifest = read_events(arguments.of[0])[0][1].content
    run = _init(arguments, manifest, job_type="comparison", name="comparison")
    rows: list[list[Any]] = list(csv.reader(arguments.table.open(encoding="utf-8")))
    run.log(
        {
            "comparison": wandb.Table(columns=rows[0], data=rows[1:]),
            "pareto": wandb.Image(str(arguments.figure)),
        }
    )
    run.finish()


def _init(
    arguments: argparse.Namespace, manifest: Mapping[str, Any], *, job_type: str, name: str
) -> Any:
    import wandb

    return wandb.init(
        project=arguments.project,
        entity=arguments.entity,
        group=f"{manifest['data']['name']}-{manifest['comparison']}",
        job_type=job_type,
        name=name,
        config=dict(manifest),
        dir=str(arguments.run or arguments.of[0]),
        settings=wandb.Settings(console="off", x_disable_stats=True, silent=True),
    )


def _values(key: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten an event into what W&B plots."""
    kind = key.split("/", maxsplit=1)[0]
    if kind == "proposal":
        outcome = content["measured"]
        scores = {
            name: outcome[name] for name in ("score", "n_params", "train_s") if name in outcome
        }
        return {"generation": content["generation"], "accepted": int("score" in outcome)} | scores
    if kind == "generation":
        return {"population": len(content["population"])}
    if kind == "final" and "score" in content:
        return {"test_score": content["score"]}
    return {}


def _alive(pid: int) -> bool:
    return os.getppid() == pid


if __name__ == "__main__":
    main()
