"""The record of a run: one journal of append-only events, in SQLite.

Every event has a unique key. Recording a key again changes nothing, which is how an interrupted run
resumes: it runs again, and reuses what is recorded. Exactly one process writes, the holder of the
run's file lock; readers open the journal read-only.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypeVar, cast

from harness.errors import RecordError
from harness.files import LockHeldError, file_lock, lock_holder
from harness.record.bounded_json import parse_counted
from harness.record.database import (
    ALL,
    MOST_CHARACTERS,
    MOST_OF_A_TEXT,
    Row,
    Tally,
    append,
    begin_checksum,
    open_for_writing,
    other_format,
    select,
    unreadable,
)
from harness.record.event import Entry, Event
from harness.record.events import (
    MALFORMED,
    RunCompleted,
    read_event,
)
from harness.record.upgrade import JOURNAL_FORMAT, READABLE_FORMATS
from harness.secrets import without_secrets
from harness.terminal import say
from harness.text import each_text, reason_of

JOURNAL_NAME = "journal.sqlite"
LOCK = "lock"
"""File in a run's folder that the process which works on the run keeps locked."""
_LOOKS_EVERY_S = 0.5
_KEPT_FREE = 0.25
"""Share of a journal that is kept for answers to requests under way, and for what follows them."""
_SHOWN = 120
"""How many characters of untrusted text a message shows."""

E = TypeVar("E", bound=Event)


class RunHeldError(RecordError):
    """Another process works on the run."""


class Journal:
    """The writing end of a run's record; holds the run's lock until closed.

    Args:
        folder: The run's folder, created where there is none.
        wait_s: Seconds to wait for another process that works on the run.
        listener: Called with each event that is new, once it is recorded.

    Raises:
        RunHeldError: Another process works on the run.
        RecordError: Its journal cannot be read.
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
            self._db = stack.enter_context(
                contextlib.closing(open_for_writing(folder / JOURNAL_NAME, version=JOURNAL_FORMAT))
            )
            self._tally = Tally()
            self._entries = {entry.event.key: entry for entry in _read(folder, 0, self._tally)}
            begin_checksum(self._db)
            self._open = stack.pop_all()

    def record(self, event: E, *, at: float | None = None) -> E:
        """Append an event without secrets, durably; one that is there under its key stays as it is.

        Args:
            event: The event.
            at: When it happened, in seconds since 1970; default: now.

        Returns:
            The event that the journal holds under its key.

        Raises:
            RecordError: No reader would accept the event, or the journal with it, or it cannot be
                written; it is not recorded.
        """
        text = json.dumps(each_text(event.content, without_secrets), sort_keys=True)
        at = time.time() if at is None else at
        with self._mutex:
            if known := self._entries.get(event.key):
                return cast("E", known.event)
            entry = self._checked((event.key, text, at))
            append(self._db, self.folder / JOURNAL_NAME, (event.key, event.KIND, text, at))
            self._entries[event.key] = entry
        self._listener(entry.event)
        return cast("E", entry.event)

    def _checked(self, row: Row) -> Entry:
        """Return an event as readers will see it, without what JSON loses; count it."""
        key, text, _ = row
        try:
            entry, n = _parsed(row, JOURNAL_FORMAT)
            self._tally.add(events=1, characters=len(key) + len(text), values=n)
        except MALFORMED as error:
            raise RecordError(
                f"{self.folder}: expected an event that readers of its journal accept, found "
                f"{reason_of(key, _SHOWN)} ({_why(error)}). It is not recorded, all before it are; "
                f"correct what made it, or use another runs_dir."
            ) from None
        return entry

    def require_room(self, prompt: str) -> None:
        """Raise RecordError unless the answer to a prompt can be recorded, however long it is."""
        n = len(json.dumps(prompt))
        if n > MOST_OF_A_TEXT:
            raise RecordError(
                f"{self.folder}: expected a prompt of at most {MOST_OF_A_TEXT:,} characters in "
                f"JSON, found {n:,}. Nothing is asked; shorten the prompts or the network."
            )
        with self._mutex:
            share = self._tally.share
        if share > 1 - _KEPT_FREE:
            raise RecordError(
                f"{self.folder}: expected a journal of which a quarter is free, {share:.0%} of "
                f"what can be read is used. Nothing is asked; use another runs_dir, with a smaller "
                f"budget or a model whose answers are shorter."
            )

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
    return _read(folder, after, Tally())


def _read(folder: Path, after: int, tally: Tally) -> list[Entry]:
    version, rows = _select(folder, tally, ("seq > ?", after) if after else ALL)
    entries: list[Entry] = []
    for row in rows:
        entry, n = _entry(folder, row, version)
        entries.append(entry)
        try:
            tally.add(values=n)
        except ValueError as error:
            raise unreadable(folder / JOURNAL_NAME, error) from None
    if len({key for key, _, _ in rows}) < len(rows):
        raise unreadable(folder / JOURNAL_NAME, "it has an event twice")
    return entries


def read_events(folder: Path) -> list[Event]:
    """Read a run's events as ``read_entries`` does, without the times."""
    return [entry.event for entry in read_entries(folder)]


def find_runs(runs_dir: Path) -> list[Path]:
    """Return the folders below ``runs_dir`` that hold a journal, in order of name."""
    found, left = [], [runs_dir]
    while left:  # without recursion, which deep folders would exhaust
        folder = left.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == JOURNAL_NAME:
                    found.append(folder)
                elif entry.is_dir(follow_symlinks=False):
                    left.append(folder / entry.name)
    return sorted(found)


def is_complete(folder: Path) -> bool:
    """Whether the folder holds a run that ended as planned."""
    return bool(keys_of(folder, RunCompleted))


def keys_of(folder: Path, event: type[Event]) -> list[str]:
    """Return the keys of a run's events of one kind, oldest first; none where there is no run."""
    if not (folder / JOURNAL_NAME).exists():
        return []
    _, rows = _select(folder, Tally(), ("kind = ?", event.KIND))
    return [key for key, _, _ in rows]


def read_kind(folder: Path, event: type[E]) -> list[E]:
    """Return a run's events of one kind, oldest first; none where there is no run."""
    if not (folder / JOURNAL_NAME).exists():
        return []
    version, rows = _select(folder, Tally(), ("kind = ?", event.KIND))
    return [cast("E", _entry(folder, row, version)[0].event) for row in rows]


def holder_of(folder: Path) -> str | None:
    """Return the name of the process that works on a run, None where none does."""
    return lock_holder(folder / LOCK)


def wait_for_one(folders: Sequence[Path], *, wait_s: float | None, told: set[Path]) -> None:
    """Wait until no other process works on one of these runs.

    Args:
        folders: Folders of runs that other processes work on.
        wait_s: Seconds to wait, None for as long as it takes.
        told: Folders of which was said before that they are waited for.

    Raises:
        RunHeldError: All of them are worked on for that long.
    """
    deadline = math.inf if wait_s is None else time.monotonic() + wait_s
    while all(holders := [holder_of(folder) for folder in folders]):
        for folder, holder in zip(folders, holders, strict=True):
            if folder not in told and wait_s != 0:
                say(f"{folder}: {holder} works on this run; waiting for it.")
            told.add(folder)
        if time.monotonic() >= deadline:
            raise _held(folders[0], str(holders[0]), wait_s or 0)
        time.sleep(_LOOKS_EVERY_S)


def _select(
    folder: Path, tally: Tally, condition: tuple[str, object] = ALL
) -> tuple[int, list[Row]]:
    """Return the journal's format and the events that meet a condition."""
    version, rows = select(folder / JOURNAL_NAME, tally, condition)
    if version not in {0, *READABLE_FORMATS}:
        raise other_format(folder / JOURNAL_NAME, version, JOURNAL_FORMAT)
    return version, rows


def _entry(folder: Path, row: Row, version: int) -> tuple[Entry, int]:
    try:
        return _parsed(row, version)
    except MALFORMED as error:
        raise RecordError(
            f"{folder / JOURNAL_NAME}: expected the events of a run, {reason_of(row[0], _SHOWN)} "
            f"is incomplete or damaged ({_why(error)}). Restore the journal from a copy, or use "
            f"another runs_dir."
        ) from None


def _parsed(row: Row, version: int) -> tuple[Entry, int]:
    """Return a row's event, and how many JSON values it has.

    Raises one of ``MALFORMED`` where the row holds no event of that format.
    """
    key, text, at = row
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it has {len(text):,} characters, more than {MOST_CHARACTERS:,}")
    content, n = parse_counted(text)
    event = read_event(key, content, version=version)
    if event.key != key:
        raise ValueError(f"its key is {event.key}")
    return Entry(event=event, at=at), n


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {reason_of(str(error), _SHOWN)}"


def _run_lock(folder: Path, wait_s: float) -> Any:
    """Hold the lock of a run; RunHeldError where another process keeps it for ``wait_s``."""

    def report(holder: str) -> None:
        say(f"{folder}: {holder} works on this run; waiting for it.")

    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(file_lock(folder / LOCK, wait_s=wait_s, on_wait=report))
            return stack.pop_all()
    except LockHeldError as held:
        raise _held(folder, held.holder, wait_s) from None


def _held(folder: Path, holder: str, waited_s: float) -> RunHeldError:
    return RunHeldError(
        f"{folder}: expected a run that no other process works on, {holder} holds it. "
        f"Waited wait_s={waited_s:g} seconds; wait for it, or use another runs_dir."
    )
