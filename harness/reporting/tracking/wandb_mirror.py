"""Copies of runs and comparisons in Weights & Biases, made by processes of their own.

Such a process may fail or be killed at any moment: no result depends on it. A command waits for it
at the end of a run only, for a bounded time.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config.identity import digest_of
from harness.errors import InputError
from harness.files import open_to_append
from harness.reporting.tracking import marks
from harness.reporting.tracking.naming import comparison_id, id_of_folder
from harness.terminal import say

OFFLINE = frozenset({"offline", "dryrun", "disabled"})
"""Values of ``WANDB_MODE`` that need no server."""
_PROCESS = "harness.reporting.tracking.wandb_process"


@contextlib.contextmanager
def mirrored(tracking: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Mirror the run in this folder while the block runs, unless tracking is off or it was done.

    Args:
        tracking: The settings ``tracking``.
        folder: The run's folder; its journal has the manifest.
    """
    if tracking["mode"] == "off" or (
        (folder / marks.DONE).exists() and marks.is_done(folder, id_of_folder(tracking, folder))
    ):
        yield
        return
    process = _start(tracking, folder, ["--run", str(folder), "--parent", str(os.getpid())])
    try:
        yield
    finally:
        _finish(process, tracking, folder, lambda: id_of_folder(tracking, folder))


def require_login(tracking: Mapping[str, Any]) -> None:
    """Raise InputError where runs are to be mirrored online and W&B has no login."""
    if tracking["mode"] == "off" or os.environ.get("WANDB_MODE") in OFFLINE:
        return
    command = [sys.executable, "-m", _PROCESS, "--tracking", json.dumps(dict(tracking)), "--login"]
    asked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if asked.returncode == InputError.exit_status:
        raise InputError(asked.stderr.decode("utf-8", "replace").partition("error: ")[2].strip())


def publish(tracking: Mapping[str, Any], folders: Sequence[Path], folder: Path) -> None:
    """Add a comparison to its runs' group, unless tracking is off or it is there already.

    Args:
        tracking: The settings ``tracking``.
        folders: Folders of its runs.
        folder: Folder of its tables and figures.
    """
    if tracking["mode"] == "off":
        return
    tables = (folder / "table.json").read_text(encoding="utf-8")
    content = f"{comparison_id(tracking, folders)} {digest_of(tables)}"
    if marks.is_done(folder, content):
        return
    arguments = ["--comparison", str(folder), "--mark", content]
    for one in folders:
        arguments += ["--of", str(one)]
    _finish(_start(tracking, folder, arguments), tracking, folder, lambda: content)


def _start(
    tracking: Mapping[str, Any], folder: Path, arguments: Sequence[str]
) -> "subprocess.Popen[bytes] | None":
    """Start a process that mirrors, out of reach of the terminal's Ctrl-C; None where none can."""
    command = [sys.executable, "-m", _PROCESS, "--tracking", json.dumps(dict(tracking)), *arguments]
    try:
        with open_to_append(folder / "tracking.log") as log:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
    except OSError as error:
        say(f"tracking: no process for the W&B mirror of {folder} ({error}).", error=True)
        return None


def _finish(
    process: "subprocess.Popen[bytes] | None",
    tracking: Mapping[str, Any],
    folder: Path,
    content: Callable[[], str],
) -> None:
    """Tell a process that nothing more comes, by closing its input, and wait for its end.

    Args:
        process: The process, None where none could be started.
        tracking: The settings ``tracking``.
        folder: What it mirrors.
        content: Returns what stands for all of the content, see ``marks``.
    """
    if process is None:
        return
    assert process.stdin is not None
    process.stdin.close()
    try:
        status = process.wait(timeout=tracking["finish_s"])
        ending = f"ended with status {status}" if status else ""
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        ending = (
            f"was not done {tracking['finish_s']} s after the run and was ended. Repeat the "
            f"command with a greater tracking.finish_s to mirror the rest"
        )
    if ending and not marks.is_done(folder, content()):  # else it failed when all was mirrored
        say(
            f"tracking: the W&B mirror of {folder} {ending}. The results are complete without it. "
            f"Its output: {folder / 'tracking.log'}",
            error=True,
        )
