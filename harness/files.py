"""Files that are made once: whole or not at all, by one process or thread at a time."""

import contextlib
import fcntl
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from harness.errors import InputError


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a file and put it in place whole; for whoever has the ``turn`` for it.

    What a crash leaves in the middle is written over next time.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from None


@contextlib.contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait until nobody else makes this file; the lock falls free when its holder ends or dies."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise _cannot_write(path, error) from None
    with file, _queue(path) as alone:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if alone:
                told = f"{path}: being made by another; waiting for it."
                print(told, file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
        if path.exists():  # whoever waits finds it, and nobody will make it again
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _queue(path: Path) -> Iterator[bool]:
    """Say whether no other thread of this process is at it: those are nobody to speak of."""
    with _LOCK:
        _AT[path] += 1
        alone = _AT[path] == 1
    try:
        yield alone
    finally:
        with _LOCK:
            _AT[path] -= 1


_LOCK = threading.Lock()
_AT: Counter[Path] = Counter()


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path.parent}: expected a folder that can be written, it cannot ({error.strerror}). Make "
        f"room there, or choose another: runs_dir=FOLDER, or XDG_CACHE_HOME for decoded images."
    )
