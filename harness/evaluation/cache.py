"""What trainings came to: one file each, so that no network is trained twice in any run.

A folder that all runs of a ``runs_dir`` share. A training is named by everything that decides
what it comes to; a long one leaves there what it needs to go on after an interruption.
"""

import functools
import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.paths import PACKAGE
from harness.errors import RecordError
from harness.evolution.candidate import Outcome, content_of, outcome_of
from harness.files import creation_lock, write_atomically
from harness.typing import Array

FOLDER = ".trainings"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where an interrupted training goes on."""

    epoch: int
    """The last one that was ended."""
    state: Array
    """What the process that trains made of itself: bytes, read by none but its like."""
    spent_s: float
    score: float
    """Of the best network so far."""
    network: Sequence[Array]
    """That network as it was offered, empty where none was yet."""


class Bookmark:
    """Where one training keeps its checkpoint; nowhere for one that no other will ask for."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @property
    def keeps(self) -> bool:
        """Say whether what is saved here can be loaded later."""
        return self._path is not None

    def load(self) -> Checkpoint | None:
        """Return what was saved; RecordError where it cannot be read."""
        if self._path is None or not self._path.exists():
            return None
        try:
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                arrays = [held[f"arr_{i}"] for i in range(len(held.files))]
            told, state, *network = arrays
            epoch, spent_s, score = told.tolist()
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RecordError(
                f"{self._path}: expected an interrupted training, it cannot be read ({error}). "
                f"Remove it; the training begins anew."
            ) from None
        return Checkpoint(
            epoch=int(epoch), state=state, spent_s=spent_s, score=score, network=network
        )

    def save(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint in the place of the one before."""
        assert self._path is not None
        told = np.array([checkpoint.epoch, checkpoint.spent_s, checkpoint.score])
        arrays = (told, checkpoint.state, *checkpoint.network)
        write_atomically(self._path, lambda file: np.savez(file, *arrays))

    def clear(self) -> None:
        """Remove what was saved."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


NOWHERE = Bookmark(None)


class Trainings:
    """Remembers fates in a folder, by the values that decide them; without a folder, nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def once(self, known: Mapping[str, Any], train: Callable[[Bookmark], Outcome]) -> Outcome:
        """Return the fate of this training; whoever asks while it goes on waits for it.

        What a limit of the machine decided is not kept: it may come out otherwise.
        """
        if self._folder is None:
            return train(NOWHERE)
        text = json.dumps(known, sort_keys=True)
        path = self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
        if (found := _read(path)) is not None:
            return found
        with creation_lock(path):
            if (found := _read(path)) is not None:
                return found
            bookmark = Bookmark(path.with_suffix(".npz"))
            outcome = train(bookmark)
            if not getattr(outcome, "machine_dependent", False):
                content = {"training": known, "outcome": content_of(outcome), "at": time.time()}
                text = json.dumps(content, indent=2, sort_keys=True) + "\n"
                write_atomically(path, lambda file: file.write(text.encode()))
            bookmark.clear()
            return outcome


FORGETFUL = Trainings(None)


def _read(path: Path) -> Outcome | None:
    try:
        return outcome_of(json.loads(path.read_text(encoding="utf-8"))["outcome"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{path}: expected what a training came to, it cannot be read ({error!r}). Remove it; "
            f"the network is trained again."
        ) from None


@functools.cache
def code_digest() -> str:
    """Hash of this package's own source: another one may train or score otherwise."""
    root = PACKAGE
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def processor() -> str:
    """Name of this machine's processor, on which the last bits of a result depend."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
