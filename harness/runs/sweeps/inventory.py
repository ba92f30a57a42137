"""What lies in a folder of runs: runs with their state, comparisons and caches; their removal."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from harness.errors import InputError, RecordError
from harness.files import LockHeldError, file_lock
from harness.record.code.digests import some_of
from harness.record.events import Manifest, NetworkTrained
from harness.record.failure import failure_of
from harness.record.journal import (
    JOURNAL_NAME,
    LOCK,
    find_runs,
    holder_of,
    is_complete,
    keys_of,
    read_kind,
)
from harness.runs.sweeps.progress import count_evaluations

_COMPARISON = "comparison-"
_CACHES = {
    ".trainings": "cache of trainings; without it, networks are trained again",
    ".hydra": "files of Hydra and output of jobs",
}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A folder below a folder of runs."""

    folder: Path
    name: str
    """Its path below the folder of runs."""
    state: str
    """Of a run: ``complete``, ``interrupted``, ``in progress``, ``failed`` or ``damaged``. Of
    another folder, what it is."""
    detail: str = ""
    """Of a run, the process that works on it or the reason why it failed."""
    arm: str = ""
    seed: str = ""
    evaluations: str = ""
    """Evaluations done, and the most of its budget."""
    age_s: float
    """Seconds since it was changed last."""
    size: int
    """Bytes on the disk."""

    @property
    def is_run(self) -> bool:
        """Whether it is a run."""
        return (self.folder / JOURNAL_NAME).exists()


def inventory(runs_dir: Path) -> list[Kept]:
    """Return the runs, comparisons and caches below a folder, runs first.

    Raises:
        InputError: There is no such folder.
    """
    if not runs_dir.is_dir():
        raise InputError(f"{runs_dir}: expected a folder with runs, found none.")
    runs = [_run(folder, runs_dir) for folder in find_runs(runs_dir)]
    return [*runs, *_others(runs_dir)]


def remove(kept: Sequence[Kept], runs_dir: Path) -> None:
    """Remove folders, while no process works on them.

    Raises:
        InputError: A process works on one; none of them is removed. Or a folder cannot be removed.
    """
    with contextlib.ExitStack() as held:
        busy = [one for one in kept if one.is_run] or ()
        if any(not one.is_run for one in kept):  # a cache is shared by all runs
            busy = [_run(folder, runs_dir) for folder in find_runs(runs_dir)]
        for one in busy:
            try:
                held.enter_context(file_lock(one.folder / LOCK, wait_s=0))
            except LockHeldError as error:
                raise InputError(
                    f"{one.name}: expected a run that no process works on, {error.holder} holds "
                    f"it. Nothing is removed; end that process first."
                ) from None
        for one in kept:
            try:
                shutil.rmtree(one.folder)
            except OSError as error:
                raise InputError(
                    f"{one.folder}: expected a folder that can be removed, it cannot "
                    f"({error.strerror})."
                ) from None


def chosen(names: Sequence[str], kept: Sequence[Kept]) -> list[Kept]:
    """Return what these names mean, each once.

    Raises:
        InputError: There is nothing of such a name.
    """
    by_name = {one.name: one for one in kept}
    for name in names:
        if name.rstrip("/") not in by_name:
            near = get_close_matches(name, by_name, n=1)
            hint = (
                f"Did you mean {near[0]}?"
                if near
                else f"Listed: {some_of(list(by_name)) or 'none'}."
            )
            raise InputError(
                f"--remove: expected the name of a listed folder, found {name}. {hint}"
            )
    return list({name: by_name[name.rstrip("/")] for name in names}.values())


def _run(folder: Path, runs_dir: Path) -> Kept:
    done, most, arm, seed = 0, "?", "", ""
    try:
        done = count_evaluations(keys_of(folder, NetworkTrained))
        for manifest in read_kind(folder, Manifest):
            arm, seed = manifest.arm, str(manifest.seed)
            most = str(manifest.settings["budget"]["evaluations"])
        state, detail = _state(folder)
    except (RecordError, LookupError, TypeError) as error:
        state, detail = "damaged", str(error)
    return Kept(
        folder=folder,
        name=str(folder.relative_to(runs_dir)),
        state=state,
        detail=detail,
        arm=arm,
        seed=seed,
        evaluations=f"{done} of {most}",
        age_s=_age_s(folder / JOURNAL_NAME),
        size=_size(folder),
    )


def _state(folder: Path) -> tuple[str, str]:
    if holder := holder_of(folder):
        return "in progress", holder
    if is_complete(folder):
        return "complete", ""
    reason = failure_of(folder)
    return ("interrupted", "") if reason is None else ("failed", reason)


def _others(runs_dir: Path) -> Iterator[Kept]:
    for folder in sorted(runs_dir.iterdir()):
        what = _CACHES.get(folder.name)
        if folder.name.startswith(_COMPARISON):
            what = "tables and figure of a comparison; harness.table prints them again"
        if what and folder.is_dir() and not folder.is_symlink():
            yield Kept(
                folder=folder,
                name=folder.name,
                state=what,
                age_s=_age_s(folder),
                size=_size(folder),
            )


def _age_s(path: Path) -> float:
    with contextlib.suppress(OSError):
        return max(0.0, time.time() - path.stat().st_mtime)
    return 0.0


def _size(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk; links are not followed."""
    total, left = 0, [folder]
    while left:
        with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    left.append(Path(entry.path))
    return total
