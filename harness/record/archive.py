"""A complete run as one file that others can replay: events, sources, versions, hashes.

The file is a zip of readable parts: ``events.jsonl`` holds the events, ``sources/`` every network
proposed, ``config.json`` the settings, ``packages.txt`` the versions installed, and
``archive.json`` the format and the hash of each part. Two exports of one run are equal to the byte.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from harness.errors import InputError, RecordError
from harness.files import write_atomically
from harness.record.bounded_json import parse_counted, parse_json
from harness.record.consistency import problem_of
from harness.record.database import MOST_CHARACTERS
from harness.record.event import Entry, Event
from harness.record.events import (
    MALFORMED,
    ChildDecided,
    Manifest,
    ReferenceEvaluated,
    RunCompleted,
    read_event,
)
from harness.record.journal import JOURNAL_NAME, read_entries
from harness.record.sealed_zip import packed, read_members
from harness.record.upgrade import JOURNAL_FORMAT, READABLE_FORMATS
from harness.text import reason_of

ARCHIVE_FORMAT = 1
_CONTENTS, _EVENTS, _SOURCES = "archive.json", "events.jsonl", "sources/"
_NAME = re.compile(r"\w[\w.~-]{0,127}")
_STEP = re.compile(r"seed|g\d{1,9}\.c\d{1,9}")
_NEEDED = frozenset[type[Event]]({Manifest, ReferenceEvaluated, RunCompleted})
_MOST_VALUES = 2_000_000
"""Limit for all events together; a run of 24 evaluations has 5,000 values."""
_MOST_BYTES_OF_AN_EVENT = MOST_CHARACTERS + (1 << 16)
"""Those that a journal may hold, with key and time."""
_LATEST = 1e11
"""Upper limit of timestamps, in seconds since 1970."""


def write_archive(folder: Path, file: Path) -> None:
    """Write the archive of a complete run.

    Raises:
        RecordError: The run is incomplete, or an archive of it could not be replayed.
        InputError: The file exists and is not an archive, or cannot be written.
    """
    if file.is_symlink() or (file.exists() and not _is_archive(file)):
        raise InputError(
            f"{file}: expected a new file, or an archive to replace, found another kind of file. "
            f"Name another file."
        )
    if not _NAME.fullmatch(folder.resolve().name):
        raise RecordError(
            f"{folder}: expected a run's folder with a name of letters, digits, '.', '~', '-' and "
            f"'_'. Rename it."
        )
    archive = _archive(folder.resolve().name, complete_entries(folder))
    _read(BytesIO(archive), file)  # do not replace a file by an unreadable one
    write_atomically(file, lambda opened: opened.write(archive))


def _archive(run: str, entries: Sequence[Entry]) -> bytes:
    lines = (
        json.dumps({"key": e.event.key, "at": e.at, "content": e.event.content}, sort_keys=True)
        for e in entries
    )
    parts = {_EVENTS: "".join(f"{line}\n" for line in lines), **dict(_parts(entries))}
    encoded = {
        name: text.encode("utf-8", "surrogateescape") for name, text in sorted(parts.items())
    }
    manifest = next(e.event for e in entries if isinstance(e.event, Manifest))
    contents = {
        "format": ARCHIVE_FORMAT,
        "journal_format": JOURNAL_FORMAT,
        "version": manifest.settings["version"],
        "run": run,
        "sha256": {name: hashlib.sha256(part).hexdigest() for name, part in encoded.items()},
    }
    table = json.dumps(contents, indent=2, sort_keys=True) + "\n"
    return packed({_CONTENTS: table.encode(), **encoded})


def _is_archive(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return _CONTENTS in read_members(opened)
    except (OSError, ValueError):
        return False


def _parts(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Yield name and text of each part of a run's archive, except the events."""
    for event in (entry.event for entry in entries):
        if isinstance(event, Manifest):
            yield "config.json", json.dumps(event.settings, indent=2, sort_keys=True) + "\n"
            yield "packages.txt", "".join(f"{n}=={v}\n" for n, v in event.packages.items())
        elif isinstance(event, ReferenceEvaluated):
            yield "sources/seed.py", event.source
        elif isinstance(event, ChildDecided) and event.source:
            yield f"sources/{event.step}.py", event.source


def read_archive(file: Path) -> tuple[str, list[Entry]]:
    """Return the name and the events of the run in an archive.

    Raises:
        RecordError: The archive is damaged, incomplete, or of another format.
    """
    if not file.is_file():
        raise _damaged(file, "it is not a regular file")
    try:
        with file.open("rb") as opened:
            return _read(opened, file)
    except OSError as error:
        raise _damaged(file, str(error.strerror)) from None


def _read(opened: IO[bytes], file: Path) -> tuple[str, list[Entry]]:
    try:
        parts = read_members(opened)
        if _CONTENTS not in parts:
            raise ValueError(f"it has no {_CONTENTS}")
        contents = parse_json(parts.pop(_CONTENTS))
        _require_formats(file, contents)
        run, hashes = contents["run"], dict(contents["sha256"])
        if not _NAME.fullmatch(run):
            raise ValueError(f"{_shown(run)} is not the name of a run")
        for name in sorted(hashes.keys() & parts.keys()):
            if hashlib.sha256(parts[name]).hexdigest() != hashes[name]:
                raise ValueError(f"{_shown(name)} does not match its hash")
        if hashes.keys() != parts.keys():
            names = ", ".join(map(_shown, sorted(hashes.keys() ^ parts.keys())[:3]))
            raise ValueError(f"{_CONTENTS} and its parts differ in {names}")
        entries = list(_entries(parts, version=contents["journal_format"]))
        for problem in _problems(entries, parts):
            raise ValueError(problem)
        if problem := problem_of([entry.event for entry in entries]):
            raise ValueError(problem)
    except RecordError:
        raise
    except (*MALFORMED, ArithmeticError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else repr(error)
        raise _damaged(file, reason_of(why)) from None
    return run, entries


def _entries(parts: Mapping[str, bytes], *, version: int) -> Iterator[Entry]:
    n = 0
    for encoded in parts[_EVENTS].split(b"\n"):
        if not encoded:
            continue
        if len(encoded) > _MOST_BYTES_OF_AN_EVENT:
            raise ValueError(f"an event has more than {_MOST_BYTES_OF_AN_EVENT:,} bytes")
        line = encoded.decode("utf-8")
        stored, values = parse_counted(line)
        n += values
        if n > _MOST_VALUES:
            raise ValueError(f"its events have more than {_MOST_VALUES:,} values")
        at = stored["at"]
        if not isinstance(at, int | float) or not abs(at) < _LATEST:
            raise ValueError(f"its journal has an event with the invalid time {_shown(at)}")
        yield Entry(event=read_event(stored["key"], stored["content"], version=version), at=at)


def _problems(entries: Sequence[Entry], parts: Mapping[str, bytes]) -> Iterator[str]:
    """Yield missing events, duplicate events, and parts that contradict the journal."""
    if missing := _NEEDED - {type(entry.event) for entry in entries}:
        lacks = ", ".join(sorted(event.KIND for event in missing))
        yield f"its journal lacks {lacks}"
    keys = Counter(entry.event.key for entry in entries)
    for key in (key for key, n in keys.items() if n > 1):
        yield f"its journal has {_shown(key)} twice"
    expected = {_EVENTS: "", **dict(_parts(entries))}
    for name in sorted(expected.keys() ^ parts.keys()):
        yield f"{_shown(name)} is {'not a' if name in parts else 'a missing'} part of its run"
    for name in (name for name in expected if name.startswith(_SOURCES)):
        if not _STEP.fullmatch(name.removeprefix(_SOURCES).removesuffix(".py")):
            yield f"{_shown(name)} is not named after a step of a run"
        if parts[name] != expected[name].encode("utf-8", "surrogateescape"):
            yield f"{_shown(name)} differs from the network in its journal"


def complete_entries(folder: Path) -> list[Entry]:
    """Read the events of the run in a folder; RecordError unless the run is complete."""
    if not (folder / JOURNAL_NAME).is_file():
        raise RecordError(f"{folder}: expected a run's folder, it holds no {JOURNAL_NAME}.")
    entries = read_entries(folder)
    if not any(isinstance(entry.event, RunCompleted) for entry in entries):
        raise RecordError(
            f"{folder}: expected a complete run, this one is not. Let it finish first: the same "
            f"command resumes it."
        )
    return entries


def _require_formats(file: Path, contents: Mapping[str, Any]) -> None:
    known = {"format": {ARCHIVE_FORMAT}, "journal_format": set(READABLE_FORMATS)}
    for name, formats in known.items():
        if type(contents[name]) is not int or contents[name] not in formats:
            raise RecordError(
                f"{file}: expected an archive of {name} {max(formats)}, found "
                f"{_shown(contents[name])}. Use the version of this package that wrote it: "
                f"guided-evolution {_shown(contents['version'])}."
            )


def _shown(value: object) -> str:
    return reason_of(str(value), 80)


def _damaged(file: Path, why: str) -> RecordError:
    return RecordError(
        f"{file}: expected an archive written by python -m harness.export, it is damaged or not an "
        f"archive: {why}. Obtain a new copy."
    )
