"""A complete run as one file that others can replay: events, sources, versions, hashes.

The file is a zip of readable parts: ``events.jsonl`` holds the events, ``sources/`` every network
proposed, ``config.json`` the settings, ``packages.txt`` the versions installed, and
``archive.json`` the format and the hash of each part. Two exports of one run are equal to the byte.
"""

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import RecordError
from harness.record.event import Entry, Event
from harness.record.events import (
    JOURNAL_FORMAT,
    MALFORMED,
    READABLE_FORMATS,
    ChildDecided,
    Manifest,
    ReferenceEvaluated,
    RunCompleted,
    read_event,
)
from harness.record.journal import JOURNAL_NAME, read_entries

ARCHIVE_FORMAT = 1
_CONTENTS, _EVENTS = "archive.json", "events.jsonl"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"\w[\w.~-]*")
_NEEDED = frozenset[type[Event]]({Manifest, ReferenceEvaluated, RunCompleted})
_UNREADABLE = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, TypeError,
    AttributeError,
    RuntimeError,  # encrypted, or packed in a way that zipfile does not know
)  # fmt: skip
"""What reading a damaged archive raises."""
_MOST_BYTES = 1 << 30
"""Larger parts are not unpacked."""


def write_archive(folder: Path, file: Path) -> None:
    """Write the archive of a complete run; RecordError where the run is not complete."""
    entries = complete_entries(folder)
    encoded = {
        name: text.encode("utf-8", "surrogateescape") for name, text in sorted(_parts(entries))
    }
    manifest = next(e.event for e in entries if isinstance(e.event, Manifest))
    contents = {
        "format": ARCHIVE_FORMAT,
        "journal_format": JOURNAL_FORMAT,
        "version": manifest.settings["version"],
        "run": folder.name,
        "sha256": {name: hashlib.sha256(part).hexdigest() for name, part in encoded.items()},
    }
    table = json.dumps(contents, indent=2, sort_keys=True) + "\n"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {_CONTENTS: table.encode(), **encoded}.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), part, zipfile.ZIP_DEFLATED)


def _parts(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Yield name and text of each part of a run's archive."""
    lines = (
        json.dumps({"key": e.event.key, "at": e.at, "content": e.event.content}, sort_keys=True)
        for e in entries
    )
    yield _EVENTS, "".join(f"{line}\n" for line in lines)
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
    try:
        with zipfile.ZipFile(file) as archive:
            contents = json.loads(_part(archive, _CONTENTS))
            _require_formats(file, contents)
            run = contents["run"]
            if not _NAME.fullmatch(run):
                raise ValueError(f"{run!r} is not the name of a run")
            parts = {name: _part(archive, name) for name in dict(contents["sha256"])}
            held = set(archive.namelist()) - {_CONTENTS}
    except RecordError:
        raise
    except _UNREADABLE as error:
        raise _damaged(file, repr(error)) from None
    for name, digest in contents["sha256"].items():
        if hashlib.sha256(parts[name]).hexdigest() != digest:
            raise _damaged(file, f"{name} does not match its hash")
    if held != set(parts):
        names = ", ".join(sorted(held ^ set(parts)))
        raise _damaged(file, f"{_CONTENTS} and its parts differ in {names}")
    try:
        entries = [
            _entry(json.loads(line), version=contents["journal_format"])
            for line in parts[_EVENTS].splitlines()
        ]
    except MALFORMED as error:
        raise _damaged(file, repr(error)) from None
    if missing := _NEEDED - {type(entry.event) for entry in entries}:
        lacks = ", ".join(sorted(event.KIND for event in missing))
        raise _damaged(file, f"its journal lacks {lacks}")
    return run, entries


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


def _entry(line: Mapping[str, Any], *, version: int) -> Entry:
    return Entry(event=read_event(line["key"], line["content"], version=version), at=line["at"])


def _require_formats(file: Path, contents: Mapping[str, Any]) -> None:
    known = {"format": {ARCHIVE_FORMAT}, "journal_format": set(READABLE_FORMATS)}
    for name, formats in known.items():
        if contents[name] not in formats:
            raise RecordError(
                f"{file}: expected an archive of {name} {max(formats)}, found {contents[name]}. "
                f"Use the version of this package that wrote it: guided-evolution "
                f"{contents['version']}."
            )


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError(f"{name} is larger than {_MOST_BYTES} bytes")
    return archive.read(name)


def _damaged(file: Path, why: str) -> RecordError:
    return RecordError(
        f"{file}: expected an archive that python -m harness.export wrote, it is damaged or none: "
        f"{why}. Get it from its source again."
    )
