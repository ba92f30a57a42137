"""The record of a run: one SQLite journal of append-only events. The door to sqlite3.

Every event has a unique key. Recording a key again changes nothing, which is how an interrupted run
resumes: it runs again, and reuses what is recorded. Exactly one process writes, the holder of the
run's file lock; readers open the journal read-only.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypeVar, cast

from harness.errors import RecordError
from harness.files import LockHeldError, file_lock
from harness.record.event import Entry, Event
from harness.record.events import (
    JOURNAL_FORMAT,
    MALFORMED,
    READABLE_FORMATS,
    RunCompleted,
    read_event,
)

SQLITE = sqlite3.sqlite_version
JOURNAL_NAME = "journal.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event(
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    json TEXT NOT NULL, at REAL NOT NULL
);
"""

E = TypeVar("E", bound=Event)


class Journal:
    """The writing end of a run's record; holds the run's lock until closed.

    Args:
        folder: The run's folder, created where there is none.
        wait_s: Seconds to wait for another process that works on the run.
        listener: Called with each event that is new, once it is recorded.

    Raises:
        RecordError: Another process works on the run, or its journal cannot be read.
        InputError: The folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wait_s: float,
        listener: Callable[[Event], object] = lambda _: None,
    ) -> None:
        self.folder = folder
        self._listener = listener
        self._mutex = Lock()
        with contextlib.ExitStack() as stack:
            stack.enter_context(_run_lock(folder, wait_s))
            self._db = stack.enter_context(contextlib.closing(_open_for_writing(folder)))
            self._entries = {entry.event.key: entry for entry in read_entries(folder)}
            self._open = stack.pop_all()

    def record(self, event: E, *, at: float | None = None) -> E:
        """Append an event, durably; an event that is there under its key stays as it is.

        Args:
            event: The event.
            at: When it happened, in seconds since 1970; default: now.

        Returns:
            The event that the journal holds under its key.
        """
        text = json.dumps(event.content, sort_keys=True)
        at = time.time() if at is None else at
        with self._mutex, self._db:
            if known := self._entries.get(event.key):
                return cast("E", known.event)
            self._db.execute(
                "INSERT INTO event(key, kind, json, at) VALUES (?, ?, ?, ?)",
                (event.key, event.KIND, text, at),
            )
            # The event as readers see it, without what JSON does not keep.
            entry = Entry(event=read_event(event.key, json.loads(text)), at=at)
            self._entries[event.key] = entry
        self._listener(entry.event)
        return cast("E", entry.event)

    def find(self, event: type[E], *place: object) -> E | None:
        """Return the event of a kind at a place, None where none is recorded.

        Args:
            event: Class of the event.
            place: Values of the fields that ``event.PLACE`` names.
        """
        with self._mutex:
            entry = self._entries.get(event.key_of(*place))
        return cast("E | None", entry.event if entry else None)

    def all(self, event: type[E]) -> list[E]:
        """Return all events of a kind, oldest first."""
        return [entry.event for entry in self.entries if isinstance(entry.event, event)]

    @property
    def entries(self) -> list[Entry]:
        """All events, oldest first."""
        with self._mutex:
            return list(self._entries.values())

    def close(self) -> None:
        """Release the run."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_entries(folder: Path, *, after: int = 0) -> list[Entry]:
    """Read a run's events, oldest first, without writing.

    Args:
        folder: The run's folder.
        after: Number of events to leave out.

    Raises:
        RecordError: The journal cannot be read, or was written by another version.
    """
    version, rows = _select(folder, "seq > ?", after)
    return list(_entries(folder, rows, version))


def read_events(folder: Path) -> list[Event]:
    """Read a run's events as ``read_entries`` does, without the times."""
    return [entry.event for entry in read_entries(folder)]


def find_runs(runs_dir: Path) -> list[Path]:
    """Return the folders below ``runs_dir`` that hold a journal, in order of name."""
    return sorted(path.parent for path in runs_dir.rglob(JOURNAL_NAME))


def is_complete(folder: Path) -> bool:
    """Whether the folder holds a run that ended as planned."""
    if not (folder / JOURNAL_NAME).exists():
        return False
    _, rows = _select(folder, "key = ?", RunCompleted.key_of())
    return bool(rows)


def _select(folder: Path, where: str, value: object) -> tuple[int, list[tuple[str, str, float]]]:
    """Return the journal's format, and key, JSON and time of the events that meet a condition."""
    try:
        with contextlib.closing(_open_read_only(folder)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:  # being created, or its creator died
                return JOURNAL_FORMAT, []
            if version not in READABLE_FORMATS:
                raise _other_format(folder, version)
            rows = db.execute(
                f"SELECT key, json, at FROM event WHERE {where} ORDER BY seq",  # noqa: S608
                (value,),
            ).fetchall()
    except sqlite3.Error as error:
        raise _unreadable(folder, error) from None
    return version, rows


def _entries(folder: Path, rows: Iterable[tuple[str, str, float]], version: int) -> Iterable[Entry]:
    for key, text, at in rows:
        try:
            event = read_event(key, json.loads(text), version=version)
        except MALFORMED as error:
            raise _malformed(folder, key, error) from None
        yield Entry(event=event, at=at)


def _run_lock(folder: Path, wait_s: float) -> Any:
    """Hold the lock of a run; RecordError where another process keeps it for ``wait_s``."""

    def report(holder: str) -> None:
        print(f"{folder}: {holder} works on this run; waiting for it.", flush=True)

    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(file_lock(folder / "lock", wait_s=wait_s, on_wait=report))
            return stack.pop_all()
    except LockHeldError as held:
        raise RecordError(
            f"{folder}: expected a run that no other process works on, {held.holder} holds it. "
            f"Waited wait_s={wait_s:g} seconds; wait for it, or use another runs_dir."
        ) from None


def _open_for_writing(folder: Path) -> sqlite3.Connection:
    """Open a journal, created where there is none."""
    db = sqlite3.connect(folder / JOURNAL_NAME, check_same_thread=False)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, JOURNAL_FORMAT}:
            raise _other_format(folder, version)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if version == 0:
            db.executescript(f"{_SCHEMA} PRAGMA user_version={JOURNAL_FORMAT};")
    except (sqlite3.Error, RecordError) as error:
        db.close()
        raise error if isinstance(error, RecordError) else _unreadable(folder, error) from None
    return db


def _open_read_only(folder: Path) -> sqlite3.Connection:
    path = (folder / JOURNAL_NAME).absolute()
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)


def _unreadable(folder: Path, error: Exception) -> RecordError:
    return RecordError(
        f"{folder / JOURNAL_NAME}: expected a run's journal, it cannot be read: {error}. Restore "
        f"it from a copy, or use another runs_dir."
    )


def _malformed(folder: Path, key: str, error: Exception) -> RecordError:
    return RecordError(
        f"{folder / JOURNAL_NAME}: expected the events of a run, {key} lacks something or was "
        f"changed ({type(error).__name__}: {error}). Restore the journal from a copy, or use "
        f"another runs_dir."
    )


def _other_format(folder: Path, version: int) -> RecordError:
    return RecordError(
        f"{folder / JOURNAL_NAME}: expected a journal of format {JOURNAL_FORMAT}, found {version}. "
        f"Use the version of this package that wrote it, or another runs_dir."
    )
