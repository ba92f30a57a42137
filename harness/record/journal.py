"""The record of a run: one SQLite journal of append-only events. The door to sqlite3.

Every event has a unique key, such as ``proposal/g1.c2``; recording a key again changes nothing,
which is how an interrupted run continues: it is run again, and what is recorded is reused.
Exactly one process writes (an operating-system lock says which); readers open read-only.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Self

from harness.errors import InputError, RecordError
from harness.record.upgrade import upgraded

JOURNAL_FORMAT = 4
READABLE_FORMATS: Mapping[int, Callable[[str, Mapping[str, Any]], Mapping[str, Any]]] = {
    3: upgraded,
    JOURNAL_FORMAT: lambda _, content: content,
}
"""Formats that can be read, and what turns their events into those of today."""
SQLITE = sqlite3.sqlite_version
JOURNAL_NAME = "journal.sqlite"
_WAIT_POLL_S = 0.5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event(
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    json TEXT NOT NULL, at REAL NOT NULL
);
"""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One recorded fact: its key, its kind (the key's first part), its content, when it came."""

    key: str
    content: Mapping[str, Any]
    at: float

    @property
    def kind(self) -> str:
        """``manifest``, ``reference``, ``call``, ``training``, ``proposal``, ..."""
        return self.key.split("/")[0]


Listener = Callable[[Event], None]


class Journal:
    """The writing end; holds the run's lock until closed."""

    def __init__(self, folder: Path, *, wait_s: float, listener: Listener | None = None) -> None:
        self.folder = folder
        _make_folder(folder)
        self._lock_file = _locked(folder / "lock", wait_s=wait_s)
        self._mutex = Lock()
        self._listener = listener
        try:
            self._db = _opened(folder)
        except RecordError:
            self._lock_file.close()
            raise

    def record(self, key: str, content: Mapping[str, Any], *, at: float | None = None) -> None:
        """Append an event, durable on return; a key that is there already stays as it is.

        at: seconds since 1970, now where not given.
        """
        event = Event(key=key, content=content, at=time.time() if at is None else at)
        with self._mutex, self._db:
            new = self._db.execute(
                "INSERT OR IGNORE INTO event(key, kind, json, at) VALUES (?, ?, ?, ?)",
                (key, event.kind, json.dumps(content, sort_keys=True), event.at),
            ).rowcount
        if new and self._listener is not None:
            self._listener(event)

    def find(self, key: str) -> Mapping[str, Any] | None:
        """Return an event's content, or None."""
        with self._mutex:
            row = self._db.execute("SELECT json FROM event WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def keys(self, *kinds: str) -> list[str]:
        """Return the keys of all events of these kinds, oldest first."""
        places = ", ".join("?" * len(kinds))
        with self._mutex:
            rows = self._db.execute(
                f"SELECT key FROM event WHERE kind IN ({places}) ORDER BY seq",  # noqa: S608
                kinds,
            ).fetchall()
        return [key for (key,) in rows]

    def close(self) -> None:
        """Release the run."""
        self._db.close()
        self._lock_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def digest_of(value: Any) -> str:
    """Hash of plain values: names runs, comparisons, prompts."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def read_events(folder: Path, *, after: int = 0) -> list[tuple[int, Event]]:
    """Return a run's events with their sequence numbers, oldest first, without writing."""
    path = folder / JOURNAL_NAME
    try:
        with contextlib.closing(_read_only(path)) as db:
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:  # just being made, or its maker died doing so
                return []
            if found not in READABLE_FORMATS:
                raise _other_format(folder, found)
            rows = db.execute(
                "SELECT seq, key, json, at FROM event WHERE seq > ? ORDER BY seq", (after,)
            ).fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise _unreadable(folder, error) from None
    read = READABLE_FORMATS[found]
    return [
        (seq, Event(key=key, content=read(key, json.loads(text)), at=at))
        for seq, key, text, at in rows
    ]


def find_runs(runs_dir: Path) -> list[Path]:
    """Return the folders below ``runs_dir`` that hold a journal, in order of name."""
    return sorted(path.parent for path in runs_dir.rglob(JOURNAL_NAME))


def is_complete(folder: Path) -> bool:
    """Say whether the run in this folder has ended as planned."""
    return (folder / JOURNAL_NAME).exists() and any(
        event.kind == "complete" for _, event in read_events(folder)
    )


def check_writable(runs_dir: Path) -> None:
    """InputError unless runs can be written there."""
    _make_folder(runs_dir)
    probe = runs_dir / f".write-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _cannot_write(runs_dir, error) from None


def _opened(folder: Path) -> sqlite3.Connection:
    """Open a journal for writing, new where there is none."""
    db = sqlite3.connect(folder / JOURNAL_NAME, check_same_thread=False)
    try:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found not in {0, JOURNAL_FORMAT}:
            raise _other_format(folder, found)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if found == 0:
            db.executescript(f"{_SCHEMA} PRAGMA user_version={JOURNAL_FORMAT};")
    except (sqlite3.Error, RecordError) as error:
        db.close()
        raise error if isinstance(error, RecordError) else _unreadable(folder, error) from None
    return db


def _unreadable(folder: Path, error: Exception) -> RecordError:
    return RecordError(
        f"{folder / JOURNAL_NAME}: expected a run's journal, it cannot be read: {error}. Restore "
        f"it from a copy, or use another runs_dir."
    )


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from None


def _cannot_write(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"expected a folder that can be written, {folder} cannot ({error.strerror}). "
        f"Choose another, with runs_dir=FOLDER for runs and --out FOLDER for tables."
    )


def _other_format(folder: Path, found: int) -> RecordError:
    return RecordError(
        f"{folder / JOURNAL_NAME}: expected a journal of format {JOURNAL_FORMAT}, found {found}. "
        f"Use the version of this package that wrote it, or another runs_dir."
    )


def _locked(path: Path, *, wait_s: float) -> Any:
    """Take the lock, waiting for a live holder; it falls free when its holder ends or dies."""
    deadline = time.monotonic() + wait_s
    file = path.open("a+")
    for attempt in _forever():
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            if time.monotonic() >= deadline:
                file.close()
                raise RecordError(
                    f"{path.parent}: expected a run that nobody else works on, {holder} holds it. "
                    f"Waited wait_s={wait_s:g} seconds; wait for it, or use another runs_dir."
                ) from None
            if attempt == 0:
                print(f"{path.parent}: {holder} works on this run; waiting for it.", flush=True)
            time.sleep(_WAIT_POLL_S)
        else:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {os.uname().nodename}")
            file.flush()
            return file
    raise AssertionError


def _forever() -> Iterator[int]:
    attempt = 0
    while True:
        yield attempt
        attempt += 1
