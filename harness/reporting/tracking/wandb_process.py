"""The process that mirrors one run or comparison to Weights & Biases. The door to wandb.

It reads the journal. A run that goes on after an interruption goes on as one run of W&B: its id is
that of the journal. Online, the server says which rows it has. Offline, a folder of the interrupted
run that was not synced yet is removed, and its rows are written anew. Rows of a folder that was
synced are not, since ``wandb sync`` adds rows to those that the server has under the id.
"""

import argparse
import json
import os
import select
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.loading import result_of
from harness.analysis.run_result import RunResult
from harness.errors import InputError
from harness.files import file_lock
from harness.record.event import Entry
from harness.record.events import ChildDecided, Manifest, RunCompleted
from harness.record.journal import read_entries
from harness.reporting.tracking import marks, naming
from harness.reporting.tracking.logged import (
    EVALUATIONS,
    PROPOSAL,
    SEARCH,
    Grid,
    front_of,
    grid_of,
    history,
    retrainings_of,
    summary,
)
from harness.reporting.tracking.wandb_mirror import OFFLINE
from harness.terminal import exit_on_error
from harness.text import each_text, visible

_POLL_S = 0.5
_IDLE_SHARE, _LONGEST_WAIT_S = 10, 60.0
"""Seconds of waiting for each second of reading, so that a long run is not slowed; the most."""
_NICE = 10
_PUBLISHED = {".md", ".tex", ".csv", ".json", ".png", ".pdf"}
"""Endings of the tables and figures of a comparison."""
_FOLDERS = ("wandb", ".wandb")
"""Folders of a run's folder that W&B writes to: the second where it exists, else the first."""
_DATA = "wandb/data"
"""Folder there for files of artifacts, until they are sent."""


def main() -> None:
    """Mirror one run until its end, or publish a comparison, or look whether there is a login."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tracking", type=json.loads, required=True)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--parent", type=int)
    parser.add_argument("--login", action="store_true")
    parser.add_argument("--comparison", type=Path)
    parser.add_argument("--mark")
    parser.add_argument("--of", type=Path, action="append")
    arguments = parser.parse_args()
    if arguments.login:
        with exit_on_error():
            _require_login()
        return
    os.nice(_NICE)
    folder = arguments.run or arguments.comparison
    with exit_on_error(), file_lock(folder / "tracking.lock"):
        if arguments.run:
            _mirror(arguments.tracking, folder, arguments.parent)
        else:
            _publish(arguments.tracking, folder, arguments.of, arguments.mark)


def _require_login() -> None:
    """Raise InputError unless W&B finds a login, or works offline."""
    import wandb

    if wandb.setup().settings.mode in OFFLINE:
        return
    try:
        wandb.login()
    except wandb.errors.UsageError:
        raise InputError(
            "tracking=wandb: expected a login of Weights & Biases, found none. Use `wandb login` "
            "or set WANDB_API_KEY, or record on this machine alone with WANDB_MODE=offline, and "
            "run the same command."
        ) from None


def _mirror(tracking: Mapping[str, Any], folder: Path, parent: int) -> None:
    entries = read_entries(folder)
    run = _init_arm(tracking, folder, entries[0])
    place = Path(run.dir).parent.name if run.offline else run.id
    logged = _rows_sent(folder, run) if run.offline else max(0, run.starting_step - 1)
    read, wait_s, done, complete = 0, 0.0, False, False
    while not (done or complete):
        # Ask before reading, so that the read below has all that the run wrote before it ended.
        done = _told_to_end(parent, wait_s)
        start = time.monotonic()
        entries += read_entries(folder, after=len(entries))
        new, read = entries[read:], len(entries)
        complete = any(isinstance(entry.event, RunCompleted) for entry in new)
        if complete or any(isinstance(entry.event, ChildDecided) for entry in new):
            logged = _log_history(run, _result(folder, entries), logged)
        wait_s = _IDLE_SHARE * (time.monotonic() - start)
        wait_s = min(max(_POLL_S, wait_s), _LONGEST_WAIT_S)
    if complete:
        logged = _log_end(run, _result(folder, entries), logged)
    run.finish(exit_code=0 if complete else 1)
    marks.note_rows(folder, place, logged)
    if complete:
        marks.mark_done(folder, naming.run_id(tracking, entries[0]))


def _told_to_end(parent: int, wait_s: float) -> bool:
    """Wait for the end of the input, or of the process that writes it; return whether it came."""
    ended, _, _ = select.select([sys.stdin], [], [], wait_s)
    return bool(ended) or os.getppid() != parent


def _result(folder: Path, entries: Sequence[Entry]) -> RunResult:
    result = result_of(folder, entries)
    assert result is not None
    return result


def _init_arm(tracking: Mapping[str, Any], folder: Path, first: Entry) -> Any:
    manifest = first.event
    assert isinstance(manifest, Manifest)
    run = _init(
        tracking,
        folder,
        manifest,
        id=naming.run_id(tracking, first),
        name=folder.name,
        job_type=naming.ARM,
        tags=[*naming.tags_of(tracking, manifest), manifest.arm[: naming.LONGEST_TAG]],
        config=each_text(manifest.content, visible),
    )
    run.define_metric(EVALUATIONS)
    run.define_metric(f"{SEARCH}*", step_metric=EVALUATIONS)
    run.define_metric(f"{PROPOSAL}*", step_metric=EVALUATIONS, summary="none")
    return run


def _init(tracking: Mapping[str, Any], folder: Path, manifest: Manifest, **fields: Any) -> Any:
    """Start or resume a run of W&B in the group of the run with this manifest."""
    _forget(folder, fields["id"])
    os.environ.setdefault("WANDB_DATA_DIR", str(folder.resolve() / _DATA))
    import wandb

    offline = wandb.setup().settings.mode in {"offline", "dryrun"}
    return wandb.init(
        project=tracking["project"],
        entity=tracking["entity"],
        group=naming.group_of(tracking, manifest),
        dir=str(folder),
        resume=None if offline else "allow",
        settings=wandb.Settings(console="off", x_disable_stats=True, silent=True),
        **fields,
    )


def _forget(folder: Path, identifier: str) -> None:
    """Remove what W&B wrote offline of this run before, unless it was synced."""
    for path in (folder / name for name in (*_FOLDERS, _DATA)):
        if path.is_symlink():  # W&B would follow it
            path.unlink()
        for old in path.glob(f"offline-run-*-{identifier}"):
            if old.is_symlink():
                old.unlink()
            elif not _is_synced(old):
                shutil.rmtree(old)


def _is_synced(folder: Path) -> bool:
    return any(folder.glob("*.wandb.synced"))


def _rows_sent(folder: Path, run: Any) -> int:
    """Return how many rows a server has or, as far as it is known, had when it was asked last."""
    synced = {
        old.name
        for path in (folder / name for name in _FOLDERS)
        for old in path.glob(f"offline-run-*-{run.id}")
        if _is_synced(old)
    }
    places = {*synced, run.id}
    return max(
        (n for place, n in marks.rows_by_place(folder).items() if place in places), default=0
    )


def _log_history(run: Any, result: RunResult, logged: int) -> int:
    """Log the rows after the first ``logged``; return how many are logged now."""
    rows = list(history(result))
    for step, row in enumerate(rows[logged:], start=logged + 1):
        run.log(each_text(row, visible), step=step)
    return max(logged, len(rows))


def _log_end(run: Any, result: RunResult, logged: int) -> int:
    """Log the tables and networks of a complete run, and the values that its row comes from.

    Returns how many rows are logged now; the last one has the tables.
    """
    import wandb

    run.summary.update(each_text(summary(result), visible))
    front = front_of(result)
    if logged == len(result.candidates):  # else the server has them
        tables = {"front": _table(front), "retrainings": _table(retrainings_of(result))}
        logged += 1
        run.log(tables, step=logged)
    rows = [dict(zip(front.columns, row, strict=True)) for row in front.rows]
    artifact = wandb.Artifact(f"front-{run.id}", type="front", metadata={"networks": rows})
    for candidate in result.hall_of_fame:
        with artifact.new_file(f"{candidate.step}.py", encoding="utf-8") as file:
            file.write(candidate.source)
    with artifact.new_file("objectives.json", encoding="utf-8") as file:
        json.dump(rows, file, indent=2)
    run.log_artifact(artifact)
    return logged


def _publish(tracking: Mapping[str, Any], folder: Path, of: Sequence[Path], mark: str) -> None:
    import wandb

    document = json.loads((folder / "table.json").read_text(encoding="utf-8"))
    firsts = [read_entries(one)[0] for one in of]
    manifests = [first.event for first in firsts if isinstance(first.event, Manifest)]
    run = _init(
        tracking,
        folder,
        manifests[0],
        id=naming.comparison_id(tracking, of),
        name=visible(f"comparison of {', '.join(dict.fromkeys(m.arm for m in manifests))}")[
            : naming.LONGEST_NAME
        ],
        job_type=naming.COMPARISON,
        tags=naming.tags_of(tracking, manifests[0]),
        config={
            "runs": [naming.run_id(tracking, first) for first in firsts],
            "title": document["title"],
            "reference": document["reference"],
        },
    )
    tables = {
        name: _table(grid_of(table["rows"]))
        for name, table in document["tables"].items()
        if table["rows"]
    }
    figures = {path.stem: wandb.Image(str(path)) for path in sorted(folder.glob("*.png"))}
    run.log(tables | figures)
    run.summary.update({"headline": document["headline"]})
    artifact = wandb.Artifact(f"comparison-{run.id}", type="comparison")
    for path in sorted(path for path in folder.iterdir() if path.suffix in _PUBLISHED):
        artifact.add_file(str(path))
    run.log_artifact(artifact)
    run.finish()
    marks.mark_done(folder, mark)


def _table(grid: Grid) -> Any:
    import wandb

    return wandb.Table(
        columns=list(grid.columns),
        data=each_text([list(row) for row in grid.rows], visible),
        dtype=list(grid.columns.values()),
    )


if __name__ == "__main__":
    main()
