"""Atomic file writes and file locks."""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary

from harness.errors import InputError
from harness.terminal import say

_LONGEST_NAME = 200
_POLL_S = 0.5
_ROOM_BYTES = 2**20
"""What ``check_writable`` writes: no run takes less."""
_BLINK_S = 0.05
"""More than ``lock_holder`` keeps a lock to find out whether another process does."""


class LockHeldError(Exception):
    """A lock stayed with another holder for as long as the caller would wait."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file atomically: complete or not at all; a link is replaced, not followed.

    The caller must be the only one to write this file, for instance by its ``creation_lock``.

    Args:
        path: The file.
        write: Called with an open binary file to fill.

    Raises:
        InputError: The folder cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)  # left by a crash, or planted as a link
        with part.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _cannot_write(path.parent, error) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)  # of a write that failed; it may hold the last room


def write_text(path: Path, text: str) -> None:
    """Write a text file with ``write_atomically``, which opens no link, pipe or device."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))


def read_regular(path: Path, most: int) -> bytes:
    """Read a regular file of at most ``most`` bytes; OSError at once for any other file."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes")
    return content


@contextlib.contextmanager
def file_lock(
    path: Path, *, wait_s: float | None = None, on_wait: Callable[[str], object] = lambda _: None
) -> Iterator[None]:
    """Hold an exclusive lock; the operating system releases it when its holder ends or dies.

    Args:
        path: The lock file, created where there is none; it names the holder.
        wait_s: Seconds to wait for another holder, None for as long as it takes.
        on_wait: Called with the holder's name before waiting.

    Raises:
        LockHeldError: Another holder kept the lock for ``wait_s`` seconds.
        InputError: The folder cannot be written, or its file system has no locks.
    """
    make_folder(path.parent)
    try:
        file = open(path, "a+", opener=only_regular)  # noqa: SIM115 - closed below
    except OSError as error:
        raise _cannot_write(path.parent, error) from None
    with file:
        if not _try_lock(file, path.parent):
            file.seek(0)
            holder = file.read(_LONGEST_NAME).strip() or "another process"
            if wait_s != 0:
                on_wait(holder)
            _wait_for_lock(file, path.parent, wait_s, holder)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield


@contextlib.contextmanager
def creation_lock(path: Path) -> Iterator[None]:
    """Hold the lock under which a file is created, once, by any process or thread.

    Waits for another holder as long as it takes, and reports the wait on standard error where
    the holder is another process. The caller then looks whether the file exists by now.

    Raises:
        InputError: The folder cannot be written.
    """

    def report(_: str) -> None:
        say(f"{path}: being created by another process; waiting for it.", error=True)

    with _MUTEX:
        threads = _THREAD_LOCKS.setdefault(path, threading.Lock())
    lock = path.with_name(f"{path.name}.lock")
    with threads, file_lock(lock, on_wait=report):
        yield
        if path.exists():  # those who wait will find it and create nothing
            lock.unlink(missing_ok=True)


_MUTEX = threading.Lock()
_THREAD_LOCKS: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()


def lock_holder(path: Path) -> str | None:
    """Return the name of the process that holds a lock, None where none does."""
    try:
        file = open(path, opener=only_regular, encoding="utf-8", errors="replace")  # noqa: SIM115
    except OSError:  # there is none, so nobody holds it
        return None
    with file:
        if not _locked(file, fcntl.LOCK_SH | fcntl.LOCK_NB, path.parent):
            return file.read(_LONGEST_NAME).strip() or "another process"
    return None


def make_own_folder(folder: Path) -> None:
    """Create a folder below an untrusted one; a link of its name is removed, not followed."""
    try:
        if folder.is_symlink():
            folder.unlink()
    except OSError as error:
        raise _cannot_write(folder.parent, error) from None
    make_folder(folder)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents; InputError where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from None


def check_writable(folder: Path) -> None:
    """Create the folder where it is missing; InputError unless it has room, and locks for files."""
    make_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM_BYTES))
            file.flush()
            os.fsync(file.fileno())  # some file systems tell only then that they are full
            _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB, folder)
    except OSError as error:
        raise _cannot_write(folder, error) from None


def only_regular(path: str, flags: int) -> int:
    """Open a file, as the ``opener`` of ``open``; OSError at once if it is a link or a pipe."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    return handle


def open_to_append(path: Path) -> IO[bytes]:
    """Open a file to append to it; a link or pipe in its place is removed, not followed.

    Raises:
        InputError: The folder cannot be written.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(path.lstat().st_mode):
                path.unlink()
        return open(path, "ab", opener=only_regular)
    except OSError as error:
        raise _cannot_write(path.parent, error) from None


@contextlib.contextmanager
def appended(path: Path) -> Iterator[IO[bytes]]:
    """Append to a file as ``open_to_append`` opens it; InputError where a write fails, too."""
    with open_to_append(path) as file:
        try:
            yield file
            file.flush()
        except OSError as error:
            raise _cannot_write(path.parent, error) from None


def _locked(file: IO[Any], how: int, folder: Path) -> bool:
    """Lock a file; return whether it is locked now, InputError where that is impossible."""
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(
            f"{folder}: expected a file system that locks files, it does not "
            f"({error.strerror or error}). Mount it with locks (flock), or choose a folder on "
            f"another one: runs_dir=FOLDER for runs, XDG_CACHE_HOME for decoded data."
        ) from None
    return True


def _try_lock(file: IO[str], folder: Path) -> bool:
    for pause in (_BLINK_S, 0):
        if _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB, folder):
            return True
        time.sleep(pause)
    return False


def _wait_for_lock(file: IO[str], folder: Path, wait_s: float | None, holder: str) -> None:
    if wait_s is None:
        _locked(file, fcntl.LOCK_EX, folder)
        return
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        time.sleep(_POLL_S)
        if _try_lock(file, folder):
            return
    raise LockHeldError(holder)


def _cannot_write(folder: Path, error: OSError) -> InputError:
    reason = error.strerror or error
    return InputError(
        f"{folder}: expected a folder that can be written, it cannot ({reason}). Make room "
        f"there or choose another: runs_dir=FOLDER for runs, --out FOLDER for tables, "
        f"model.folder=FOLDER for an exchange, XDG_CACHE_HOME for decoded data."
    )
