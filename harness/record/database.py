"""The SQLite file of a journal, with limits on what is read. The door to sqlite3.

The file is untrusted. It must be a regular file with exactly the schema that this module writes, so
no view, trigger or other table takes part in a query. Steps, rows and bytes are limited before
anything is loaded.

The header of the file holds a checksum of all events (SQLite's ``application_id``). It reveals one
that was changed or removed later. It does not prevent forgery, since it can be computed again.
Earlier journals have none.

Processes on other machines read a journal while it is written. So it has a rollback journal and no
write-ahead log, whose index is shared memory of one machine. What a killed writer leaves is rolled
back by the next one; a reader does that in a copy.
"""

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import RecordError
from harness.text import reason_of

SQLITE = sqlite3.sqlite_version
Connection = sqlite3.Connection
Row = tuple[str, str, float]
"""Key, JSON and time of an event."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event(
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    json TEXT NOT NULL, at REAL NOT NULL
);
"""
SYNCHRONOUS = "EXTRA"
"""An event that is recorded survives a power failure. Tests, which know none, have OFF."""
MOST_CHARACTERS = 1 << 23
"""Longest JSON of an event: 8 MiB, about twenty times the longest prompt and answer."""
MOST_OF_A_TEXT = MOST_CHARACTERS // 2 - (1 << 16)
"""Longest JSON of a prompt, and of an answer: one event has both, and what is known of them."""
MOST_OF_AN_ANSWER = MOST_OF_A_TEXT // 12
"""Characters of an answer; JSON takes at most 12 for one."""
ALL = "seq > ?", -1 << 63
"""The condition that every event meets, whatever sequence number a manipulated one has."""
_NO_CHECKSUM, _FIRST_CHECKSUM, _LARGEST_CHECKSUM = 0, 1, (1 << 31) - 1
_EVENTS = "SELECT key, json, at FROM event WHERE {} ORDER BY seq"
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
_COMPANIONS = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite opens next to a database."""
_ROLLBACK = "-journal"
_MAGIC = bytes.fromhex("d9d505f920a163d7")
"""The last bytes of a rollback journal that names another file, which SQLite would delete."""
_LARGEST_COPY = 1 << 31
"""Bytes of the files that a reader copies: twice a journal of the greatest length, and more."""
_COPIES, _PAUSE_S = 50, 0.1
_BUSY_S = 60.0
"""Seconds to wait for another process that reads or writes; each takes milliseconds."""
_ROW_BYTES = 1 << 16
"""Bytes of a row beside its JSON."""
_MOST = {"events": 1_000_000, "characters": 1 << 29, "values": 10_000_000}
"""Limits of a journal; a proposal takes about 200 values."""
_LATEST = 253_402_300_800
"""The year 10000, in seconds since 1970."""
_STEPS, _MOST_CALLS = 100_000, 1_000
"""Virtual-machine instructions between two calls of the progress handler, and calls until a query
is interrupted. An event takes about ten instructions."""


class Tally:
    """Sizes of the events of one journal, held against the limits that reader and writer share."""

    def __init__(self) -> None:
        self._sizes = Counter[str]()

    def add(self, **sizes: int) -> None:
        """Count ``events``, ``characters`` or ``values``; ValueError beyond a limit."""
        for name, size in sizes.items():
            self._sizes[name] += size
            if self._sizes[name] > _MOST[name]:
                raise ValueError(f"its events have more than {_MOST[name]:,} {name}")

    @property
    def share(self) -> float:
        """The share of the tightest limit that is used."""
        return max(self._sizes[name] / most for name, most in _MOST.items())


def open_for_writing(path: Path, *, version: int) -> Connection:
    """Open a journal; create it if it does not exist.

    Args:
        path: The file.
        version: Format to write; a journal of another format is refused.

    Raises:
        RecordError: The journal cannot be read, or is of another format.
    """
    _require_regular(path)
    if path.is_symlink():
        raise unreadable(path, "it is a link")
    _require_own_rollback(path, path.with_name(path.name + _ROLLBACK))
    try:
        with contextlib.ExitStack() as stack:
            connected = sqlite3.connect(path, check_same_thread=False, timeout=_BUSY_S)
            db = stack.enter_context(contextlib.closing(connected))
            _restrict(db)
            found = _version(db)
            if found not in {0, version}:
                raise other_format(path, found, version)
            _require_schema(path, db, may_be_empty=found == 0)
            with contextlib.suppress(sqlite3.OperationalError):  # it had a log, and is read now
                db.execute("PRAGMA journal_mode=DELETE")
            db.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
            if found == 0:
                db.executescript(f"{_SCHEMA} PRAGMA user_version={version};")
            db.set_progress_handler(None, 0)
            stack.pop_all()
    except sqlite3.Error as error:
        raise unreadable(path, error) from None
    return db


def select(path: Path, tally: Tally, condition: tuple[str, object] = ALL) -> tuple[int, list[Row]]:
    """Read the events that meet a condition, oldest first, without writing.

    Args:
        path: The file.
        tally: Counts the events and their characters.
        condition: SQL with one placeholder, and its value; by default, all events are read and
            compared with their checksum.

    Returns:
        The journal's format (0 if it is still being created) and the events.

    Raises:
        RecordError: The journal cannot be read.
    """
    for _ in range(_COPIES):
        _require_regular(path)
        try:
            return _selected(path, condition, tally)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise unreadable(path, error) from None
        except (sqlite3.Error, UnicodeError) as error:
            raise unreadable(path, error) from None
        if (found := _rolled_back(path, condition, tally)) is not None:
            return found
        time.sleep(_PAUSE_S)
    raise unreadable(path, "it was changed at every attempt")


def append(db: Connection, path: Path, event: tuple[str, str, str, float]) -> None:
    """Write an event durably.

    Args:
        db: An open journal.
        path: Its file.
        event: Key, kind, JSON and time.

    Raises:
        RecordError: It cannot be written; the journal is as before.
    """
    try:
        with db:
            db.execute("INSERT INTO event(key, kind, json, at) VALUES (?, ?, ?, ?)", event)
            key, _, text, at = event
            db.execute(f"PRAGMA application_id={_checksum_of([(key, text, at)], _checksum(db))}")
    except sqlite3.Error as error:
        raise RecordError(
            f"{path}: expected a journal that can be written, it cannot "
            f"({reason_of(str(error))}). All events before are recorded. Make room on its disk, or "
            f"end what keeps it open; the same command goes on."
        ) from None


def unreadable(path: Path, why: object) -> RecordError:
    """Return the error for a journal that cannot be read."""
    return RecordError(
        f"{path}: expected a run's journal, but it cannot be read: {reason_of(str(why))}. Restore "
        f"it from a copy, or use another runs_dir."
    )


def other_format(path: Path, found: int, expected: int) -> RecordError:
    """Return the error for a journal of another format."""
    return RecordError(
        f"{path}: expected a journal of format {expected}, found {found}. "
        f"Use the version of this package that wrote it, or another runs_dir."
    )


def _selected(
    path: Path, condition: tuple[str, object], tally: Tally, *, copy: Path | None = None
) -> tuple[int, list[Row]]:
    """Read the events that meet a condition from a journal or its copy; see ``select``."""
    uri = f"{(copy or path).absolute().as_uri()}?mode={'rw' if copy else 'ro'}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as db:
        _restrict(db)
        db.execute("PRAGMA query_only=ON")
        db.execute("BEGIN")  # the events and their checksum are of one moment
        version = _version(db)
        _require_schema(path, db, may_be_empty=version == 0)
        if version == 0:  # creation is in progress, or was interrupted
            return version, []
        where, value = condition
        rows = list(_bounded(path, db.execute(_EVENTS.format(where), (value,)), tally))
        expected = _checksum(db) if condition == ALL else _NO_CHECKSUM
        if expected != _NO_CHECKSUM and expected != _checksum_of(rows):
            raise unreadable(path, "events were changed or removed after they were recorded")
        return version, rows


def _checksum_of(rows: Iterable[Row], before: int = _FIRST_CHECKSUM) -> int:
    """Return the checksum of events that follow those of an earlier checksum."""
    for key, text, at in rows:
        told = f"{key}\n{float(at)!r}\n{text}".encode("utf-8", "surrogatepass")
        before = zlib.crc32(told, before) & _LARGEST_CHECKSUM or _FIRST_CHECKSUM
    return before


def begin_checksum(db: Connection) -> None:
    """Give an open journal of an earlier version, whose events have been read, its checksum."""
    if _checksum(db) == _NO_CHECKSUM:
        rows = db.execute(_EVENTS.format(ALL[0]), ALL[1:])
        db.execute(f"PRAGMA application_id={_checksum_of(rows)}")


def _checksum(db: Connection) -> int:
    checksum: int = db.execute("PRAGMA application_id").fetchone()[0]
    return checksum


def _rolled_back(
    path: Path, condition: tuple[str, object], tally: Tally
) -> tuple[int, list[Row]] | None:
    """Read from a copy of a journal that its writer left half-written; see ``select``.

    Returns:
        None if another process has begun to write meanwhile.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = _copied(path, Path(folder))
            return None if copy is None else _selected(path, condition, tally, copy=copy)
    except FileNotFoundError:  # the rollback journal, at its writer's end
        return None
    except (sqlite3.Error, OSError, UnicodeError) as error:
        raise unreadable(path, error) from None


def _copied(path: Path, folder: Path) -> Path | None:
    """Copy a journal that its writer left half-written, with what rolls it back.

    Returns:
        The copy, None if another process has changed the journal meanwhile.
    """
    rollback = path.with_name(path.name + _ROLLBACK)
    before = rollback.stat()
    if path.stat().st_size + before.st_size > _LARGEST_COPY:
        raise unreadable(path, "it is half-written, and too large to be copied")
    copy = folder / path.name
    shutil.copyfile(path, copy)
    shutil.copyfile(rollback, copy.with_name(rollback.name))
    after = rollback.stat()
    if (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
        return None
    _require_own_rollback(path, copy.with_name(rollback.name))
    return copy


def _require_own_rollback(path: Path, rollback: Path) -> None:
    """Raise RecordError if the rollback journal names another file, which SQLite would delete."""
    with contextlib.suppress(OSError), rollback.open("rb") as file:  # none, or one too short
        file.seek(-len(_MAGIC), os.SEEK_END)
        if file.read() == _MAGIC:
            raise unreadable(path, "its rollback journal names another file")


def _require_regular(path: Path) -> None:
    """Raise RecordError unless each existing file of a journal is a regular file.

    The journal itself may be a link. Its companion files may not, since SQLite writes to them even
    when it reads.
    """
    for suffix in ("", *_COMPANIONS):
        file = path.with_name(path.name + suffix)
        try:
            if not stat.S_ISREG(file.stat(follow_symlinks=not suffix).st_mode):
                raise unreadable(path, f"{file.name} is not a regular file")
        except FileNotFoundError:
            if file.is_symlink():
                raise unreadable(path, f"{file.name} is a broken link") from None
        except OSError as error:
            raise unreadable(path, os.strerror(error.errno or 0)) from None


def _restrict(db: Connection) -> None:
    """Limit what an untrusted file can make SQLite do."""
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_CHARACTERS + _ROW_BYTES)
    db.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 10_000)
    db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    calls = iter(range(_MOST_CALLS))
    db.set_progress_handler(lambda: next(calls, None) is None, _STEPS)


def _version(db: Connection) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def _require_schema(path: Path, db: Connection, *, may_be_empty: bool) -> None:
    """Raise RecordError unless the schema is exactly that of a journal."""
    with contextlib.closing(sqlite3.connect(":memory:")) as own:
        own.executescript(_SCHEMA)
        expected = own.execute(_OBJECTS).fetchall()
    found = db.execute(_OBJECTS).fetchmany(len(expected) + 1)
    if found != expected and not (may_be_empty and not found):
        raise unreadable(path, "its tables are not those of a journal")


def _bounded(path: Path, rows: Iterator[tuple[object, ...]], tally: Tally) -> Iterator[Row]:
    """Yield checked rows; RecordError if they exceed a limit or the size of the journal's files."""
    files = (path, path.with_name(path.name + "-wal"))
    room = sum(file.stat().st_size for file in files if file.exists())
    for n, (key, text, at) in enumerate(rows, start=1):
        if not (isinstance(key, str) and isinstance(text, str) and isinstance(at, float)):
            raise unreadable(path, f"event {n} has a value of a wrong type")
        if not 0 <= at < _LATEST:
            raise unreadable(path, f"event {n} has an invalid time")
        size = len(key) + len(text)
        room -= size
        if room < 0:
            raise unreadable(path, "its events exceed the size of its files")
        try:
            tally.add(events=1, characters=size)
        except ValueError as error:
            raise unreadable(path, error) from None
        yield key, text, at
