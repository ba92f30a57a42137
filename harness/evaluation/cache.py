"""Cache of trainings: a file each, shared by all runs of a ``runs_dir``.

The key of a training is everything that decides its outcome, the code that trains and the
processor included.
"""

import contextlib
import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import RecordError
from harness.evaluation.checkpoint import CheckpointFile
from harness.evolution.candidate import Outcome, content_of, outcome_of
from harness.files import LockHeldError, creation_lock, file_lock, write_atomically

FOLDER = ".trainings"


class TrainingCache:
    """Outcomes of trainings in a folder, by the values that decide them.

    Args:
        folder: The folder.
        save_every_s: Seconds between the checkpoints of one training.
    """

    def __init__(self, folder: Path, *, save_every_s: float = 300) -> None:
        self._folder, self._save_every_s = folder, save_every_s

    def once(
        self, inputs: Mapping[str, Any], train: Callable[[CheckpointFile], Outcome]
    ) -> Outcome:
        """Return the cached outcome, or train; concurrent requests wait for the first.

        A rejection by a limit of the machine is not cached: the next attempt may end otherwise.

        Args:
            inputs: Everything that decides the outcome.
            train: Trains, given the file of the training's checkpoint.

        Raises:
            RecordError: A file of the cache cannot be read.
        """
        text = json.dumps(inputs, sort_keys=True)
        path = self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
        if (cached := _read(path)) is not None:
            return cached
        with creation_lock(path):
            if (cached := _read(path)) is not None:
                return cached
            code = hashlib.sha256(str(inputs.get("code")).encode()).hexdigest()[:8]
            _remove_of_other_code(self._folder, code)
            unfinished = path.with_suffix(f".{code}.npz")
            checkpoints = CheckpointFile(unfinished, every_s=self._save_every_s)
            outcome = train(checkpoints)
            if not getattr(outcome, "machine_dependent", False):
                _write(path, inputs, outcome)
            checkpoints.clear()
            return outcome


def _remove_of_other_code(folder: Path, code: str) -> None:
    """Remove unfinished trainings that only other code would go on with, if none does now."""
    for path in (*folder.glob("*.npz"), *folder.glob("*.offers")):
        key, *of = path.name.split(".")[:-1]
        if of != [code]:
            lock = folder / f"{key}.json.lock"
            with contextlib.suppress(LockHeldError), file_lock(lock, wait_s=0):
                path.unlink(missing_ok=True)


def _write(path: Path, inputs: Mapping[str, Any], outcome: Outcome) -> None:
    content = {"training": inputs, "outcome": content_of(outcome), "at": time.time()}
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def _read(path: Path) -> Outcome | None:
    try:
        return outcome_of(json.loads(path.read_text(encoding="utf-8"))["outcome"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{path}: expected the outcome of a training, it cannot be read ({error!r}). Remove "
            f"it; the network is trained again."
        ) from None


@functools.cache
def processor() -> str:
    """Return the name of this machine's processor, on which the last bits of a result depend."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
