"""Cache of trainings: a file each, shared by all runs of a ``runs_dir``.

The key of a training is everything that decides its outcome, the code that trains and the
processor included.
"""

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.config.paths import PACKAGE
from harness.errors import RecordError
from harness.evaluation.checkpoint import CheckpointFile
from harness.evolution.candidate import Outcome, content_of, outcome_of
from harness.files import creation_lock, write_atomically

FOLDER = ".trainings"
_DECISIVE = (
    "evaluation", "sandbox", "tasks", "worker", "config/schema.py", "config/tasks.py",
    "evolution/candidate.py", "evolution/genome.py", "files.py", "secrets.py", "seeding.py",
    "terminal.py", "text.py", "typing.py",
)  # fmt: skip
"""Code that decides the outcome of a training: what gates, trains and scores, and its imports."""


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
            checkpoints = CheckpointFile(path.with_suffix(".npz"), every_s=self._save_every_s)
            outcome = train(checkpoints)
            if not getattr(outcome, "machine_dependent", False):
                _write(path, inputs, outcome)
            checkpoints.clear()
            return outcome


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
def code_digest(package: Path = PACKAGE) -> str:
    """Return the hash of the code that decides a training; code that reports runs is left out."""
    digest = hashlib.sha256()
    for path in sorted(_sources(package)):
        digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(package: Path) -> Iterator[Path]:
    for name in _DECISIVE:
        path = package / name
        yield from path.rglob("*.py") if path.is_dir() else (path,)


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
