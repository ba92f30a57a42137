"""Checkpoints of long trainings: a file each, from which an interrupted training continues."""

import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.errors import RecordError
from harness.evaluation.offers import OfferFile
from harness.files import write_atomically
from harness.typing import Array


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
    ended: bool = False
    """Whether no process has to train on."""


UNTRAINED = Checkpoint(epoch=0, state=np.empty(0, "u1"), spent_s=0.0)
"""A training before its first epoch."""


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
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                numbers, state = (held[f"arr_{i}"] for i in range(2))
            epoch, spent_s, n_bytes, ended = numbers.tolist()
            self.offers.keep(int(n_bytes))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RecordError(
                f"{self._path}: expected an interrupted training, it cannot be read ({error}). "
                f"Remove it; the training starts over."
            ) from None
        return Checkpoint(epoch=int(epoch), state=state, spent_s=spent_s, ended=bool(ended))

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint; it covers all networks that were offered by now."""
        numbers = np.array(
            [checkpoint.epoch, checkpoint.spent_s, self.offers.synced(), checkpoint.ended], "f8"
        )
        write_atomically(self._path, lambda file: np.savez(file, numbers, checkpoint.state))
        self._since = time.monotonic()

    def start_over(self, *, spent_s: float) -> None:
        """Remove the networks and the state, and keep the time that was spent."""
        self.offers.clear()
        self.save(replace(UNTRAINED, spent_s=spent_s))

    def clear(self) -> None:
        """Remove the checkpoint and the networks."""
        self.offers.clear()
        self._path.unlink(missing_ok=True)
