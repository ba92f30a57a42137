"""Decoded data, kept between commands in ``$XDG_CACHE_HOME/guided-evolution``.

Where the variable is not set, the folder is ``~/.cache/guided-evolution``. A file is named by the
hash of everything that decides its content.
"""

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import RecordError
from harness.files import creation_lock, write_atomically
from harness.text import TREES
from harness.typing import Array

_UNREADABLE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, ArithmeticError, MemoryError,
    SyntaxError, TypeError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
"""Errors that reading a damaged file raises."""


def cache_folder() -> Path:
    """Return where decoded data are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "guided-evolution"


def cached_arrays(
    digest: str, decode: Callable[[], Mapping[str, Array]], *, origin: Path
) -> dict[str, Array]:
    """Return arrays by name, decoded once for all commands.

    Args:
        digest: Hash of the files, of how they are decoded, and by what.
        decode: Returns the arrays; called where the cache has none.
        origin: Folder of the files, for messages.

    Raises:
        RecordError: The cached file cannot be read.
    """
    cached = cache_folder() / f"{digest[:32]}.npz"
    if not cached.exists():
        with creation_lock(cached):
            if not cached.exists():
                arrays: dict[str, Any] = dict(decode())
                write_atomically(cached, lambda file: np.savez(file, **arrays))
    try:
        with TREES, cached.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return dict(held)
    except _UNREADABLE as error:
        raise RecordError(
            f"{cached}: expected decoded data, it cannot be read ({error}). Remove it; the data "
            f"are decoded again from {origin}."
        ) from None
