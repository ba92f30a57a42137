"""Offered networks in a file, so that they can wait for their scores until training has ended."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.errors import RecordError
from harness.evaluation.scoring import Offer
from harness.files import appended, only_regular
from harness.text import TREES


class OfferFile:
    """The networks that one training offered, in their order; memory holds one at a time.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, offer: Offer) -> None:
        """Append a network; InputError where the folder cannot be written."""
        with appended(self._path) as file:
            for array in offer:
                np.save(file, array, allow_pickle=False)

    def __iter__(self) -> Iterator[Offer]:
        """Yield all networks; RecordError where the file cannot be read."""
        if not self._path.exists():
            return
        try:
            with open(self._path, "rb", opener=only_regular) as file:
                while file.peek():
                    with TREES:
                        offer = Offer(*(np.load(file, allow_pickle=False) for _ in Offer._fields))
                    yield offer
        except (OSError, ValueError, EOFError) as error:
            raise RecordError(
                f"{self._path}: expected the networks of a training, they cannot be read "
                f"({error}). Remove the file and that of the same name with .npz; the training "
                f"starts over."
            ) from None

    def synced(self) -> int:
        """Return the bytes in the file, when all of them are on the disk."""
        with appended(self._path) as file:
            os.fsync(file.fileno())
            return file.tell()

    def keep(self, n_bytes: int) -> None:
        """Remove what was added after the first ``n_bytes``.

        Raises:
            OSError, ValueError: There are fewer.
        """
        with open(self._path, "r+b", opener=only_regular) as file:
            if file.seek(0, os.SEEK_END) < n_bytes:
                raise ValueError(f"{self._path.name} is too short")
            file.truncate(n_bytes)

    def clear(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)
