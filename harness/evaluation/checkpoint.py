"""Checkpoints of long trainings: a file each, from which an interrupted training continues."""

import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import RecordError
from harness.evaluation.offers import OfferFile
from harness.files import write_atomically
from harness.text import TREES
from harness.typing import Array

_DAMAGES = (
    ArithmeticError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError,
    ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a damaged file raises."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training after one of its epochs."""

    epoch: int
    """The last complete epoch."""
    state: Array
    """State of the process that trains, uint8: written and read in the worker alone.

    Empty where there is none to restore.
    """
    spent_s: float
    """Seconds that the training took until then, all processes together."""
    outline: Array
    """Wiring of the network before any training, uint8; empty if it has none to show."""
    ended: bool = False
    """Whether no process has to train on."""


class CheckpointFile:
    """The file of one training's checkpoint; a new checkpoint replaces the one before.

    Attributes:
        offers: File with the networks that were offered before the checkpoint.

    Args:
        path: The file.
        every_s: Seconds between checkpoints.
    """

    def __init__(self, path: Path, *, every_s: float) -> None:
        self._path, self._every_s = path, every_s
        self.offers = OfferFile(path.with_suffix(".offers"))
        self._since = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint was loaded or saved long enough ago."""
        return time.monotonic() - self._since >= self._every_s

    def load(self) -> Checkpoint | None:
        """Return the checkpoint, None if there is none; remove what was offered after it.

        Raises:
            RecordError: A file cannot be read.
        """
        self._since = time.monotonic()
        if not self._path.exists():
            self.offers.clear()
            return None
        try:
            with TREES, self._path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                numbers, state, outline = (held[f"arr_{i}"] for i in range(3))
            epoch, spent_s, n_bytes, ended = numbers.tolist()
            self.offers.keep(int(n_bytes))
            return Checkpoint(
                epoch=int(epoch), state=state, spent_s=spent_s, outline=outline, ended=bool(ended)
            )
        except _DAMAGES as error:
            raise RecordError(
                f"{self._path}: expected an interrupted training, it cannot be read ({error}). "
                f"Remove it; the training starts over."
            ) from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint; it covers all networks that were offered by now."""
        numbers = np.array(
            [checkpoint.epoch, checkpoint.spent_s, self.offers.synced(), checkpoint.ended], "f8"
        )
        arrays = (numbers, checkpoint.state, checkpoint.outline)
        write_atomically(self._path, lambda file: np.savez(file, *arrays))
        self._since = time.monotonic()

    def start_over(self, outline: Array, *, spent_s: float = 0.0) -> Checkpoint:
        """Save and return a checkpoint without networks or state, with the time that was spent."""
        self.offers.clear()
        state = np.empty(0, "u1")
        checkpoint = Checkpoint(epoch=0, state=state, spent_s=spent_s, outline=outline)
        self.save(checkpoint)
        return checkpoint

    def clear(self) -> None:
        """Remove the checkpoint and the networks."""
        self.offers.clear()
        self._path.unlink(missing_ok=True)
