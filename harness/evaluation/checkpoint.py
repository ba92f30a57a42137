"""Checkpoints of long trainings: a file each, from which an interrupted training continues."""

import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import RecordError
from harness.files import write_atomically
from harness.typing import Array


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training after one of its epochs."""

    epoch: int
    """The last complete epoch."""
    state: Array
    """State of the process that trains, uint8: written and read in the worker alone."""
    spent_s: float
    score: float
    """Score of the best network so far."""
    network: Sequence[Array]
    """The best network so far as it was offered; empty if there is none."""


class CheckpointFile:
    """The file of one training's checkpoint; a new checkpoint replaces the one before.

    Args:
        path: The file.
        every_s: Seconds between checkpoints.
    """

    def __init__(self, path: Path, *, every_s: float) -> None:
        self._path, self._every_s = path, every_s
        self._since = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint was loaded or saved long enough ago."""
        return time.monotonic() - self._since >= self._every_s

    def load(self) -> Checkpoint | None:
        """Return the checkpoint, None if there is none.

        Raises:
            RecordError: The file cannot be read.
        """
        self._since = time.monotonic()
        if not self._path.exists():
            return None
        try:
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                arrays = [held[f"arr_{i}"] for i in range(len(held.files))]
            numbers, state, *network = arrays
            epoch, spent_s, score = numbers.tolist()
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RecordError(
                f"{self._path}: expected an interrupted training, it cannot be read ({error}). "
                f"Remove it; the training starts over."
            ) from None
        return Checkpoint(
            epoch=int(epoch), state=state, spent_s=spent_s, score=score, network=network
        )

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        numbers = np.array([checkpoint.epoch, checkpoint.spent_s, checkpoint.score])
        arrays = (numbers, checkpoint.state, *checkpoint.network)
        write_atomically(self._path, lambda file: np.savez(file, *arrays))
        self._since = time.monotonic()

    def clear(self) -> None:
        """Remove the checkpoint."""
        self._path.unlink(missing_ok=True)
