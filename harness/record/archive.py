"""A complete run as one file, for another person to replay: journal, sources, versions, hashes.

A zip of readable parts: ``events.jsonl`` is the journal, ``sources/`` every network proposed,
``config.json`` what was composed, ``packages.txt`` the versions installed, and ``archive.json`` the
format and the hash of each part. Two exports of one run are the same bytes.
"""

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.config.identity import digest_of
from harness.errors import RecordError
from harness.record.journal import (
    JOURNAL_FORMAT,
    JOURNAL_NAME,
    READABLE_FORMATS,
    Event,
    read_events,
)

ARCHIVE_FORMAT = 1
_CONTENTS, _EVENTS = "archive.json", "events.jsonl"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"\w[\w.~-]*")
_NEEDED = frozenset({"manifest", "reference", "complete"})
_UNREADABLE = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, TypeError,
    AttributeError,
    RuntimeError,  # encrypted, or packed in a way that zipfile does not know
)  # fmt: skip
"""What reading a damaged archive raises."""
_MOST_BYTES = 1 << 30
"""A part that claims to be larger is not unpacked."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A recorded run as answers and decisions: ``scores`` by step, an evaluation or rejection."""

    path: str
    settings: str
    """The command-line settings that it was recorded with."""
    task: str
    """Name of the data that it was searched on."""
    model: str
    date: str
    prompts_digest: str
    calls: tuple[Mapping[str, Any], ...]
    scores: Mapping[str, Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """Hash of its answers and decisions."""
        return digest_of([list(self.calls), dict(self.scores)])


def write_archive(folder: Path, file: Path) -> None:
    """Write a complete run's archive; RecordError where the run is not complete."""
    events = complete_events(folder)
    lines = [
        json.dumps({"key": e.key, "at": e.at, "content": e.content}, sort_keys=True) for e in events
    ]
    by_key = {event.key: event.content for event in events}
    manifest = by_key["manifest"]
    parts = {
        _EVENTS: "".join(f"{line}\n" for line in lines),
        "config.json": json.dumps(manifest["config"], indent=2, sort_keys=True) + "\n",
        "packages.txt": "".join(f"{n}=={v}\n" for n, v in manifest["packages"].items()),
        "sources/seed.py": by_key["reference"]["source"],
    }
    for key, content in by_key.items():
        kind, _, step = key.partition("/")
        if kind == "proposal" and content["source"]:
            parts[f"sources/{step}.py"] = content["source"]
    encoded = {
        name: text.encode("utf-8", "surrogateescape") for name, text in sorted(parts.items())
    }
    contents = {
        "format": ARCHIVE_FORMAT,
        "journal_format": JOURNAL_FORMAT,
        "version": manifest["config"]["version"],
        "run": folder.name,
        "sha256": {name: hashlib.sha256(part).hexdigest() for name, part in encoded.items()},
    }
    told = json.dumps(contents, indent=2, sort_keys=True) + "\n"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {_CONTENTS: told.encode(), **encoded}.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), part, zipfile.ZIP_DEFLATED)


def read_archive(file: Path) -> tuple[str, list[Event]]:
    """Return the run's name and its events.

    RecordError where the archive is damaged, incomplete, or of another format.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            contents = json.loads(_part(archive, _CONTENTS))
            _require_formats(file, contents)
            run = contents["run"]
            if not _NAME.fullmatch(run):
                raise ValueError(f"{run!r} is no name of a run")
            parts = {name: _part(archive, name) for name in dict(contents["sha256"])}
            held = set(archive.namelist()) - {_CONTENTS}
    except RecordError:
        raise
    except _UNREADABLE as error:
        raise _damaged(file, repr(error)) from None
    for name, digest in contents["sha256"].items():
        if hashlib.sha256(parts[name]).hexdigest() != digest:
            raise _damaged(file, f"{name} is not what was written")
    if held != set(parts):
        raise _damaged(file, f"it holds {', '.join(sorted(held ^ set(parts)))} beside its contents")
    try:
        events = [Event(**json.loads(line)) for line in parts[_EVENTS].splitlines()]
        read = READABLE_FORMATS[contents["journal_format"]]
        events = [replace(e, content=read(e.key, e.content)) for e in events]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(file, repr(error)) from None
    if missing := _NEEDED - {event.key for event in events}:
        raise _damaged(file, f"its journal lacks {', '.join(sorted(missing))}")
    return run, events


def complete_events(folder: Path) -> list[Event]:
    """Return the events of a run's folder; RecordError unless the run is complete."""
    if not (folder / JOURNAL_NAME).is_file():
        raise RecordError(f"{folder}: expected a run's folder, it holds no {JOURNAL_NAME}.")
    events = [event for _, event in read_events(folder)]
    if not any(event.kind == "complete" for event in events):
        raise RecordError(
            f"{folder}: expected a complete run, this one is not. Let it finish first; the same "
            f"command goes on from where it is."
        )
    return events


def load_study(path: Path) -> Study:
    """Read the study in an archive; RecordError where there is none or it asked no LLM."""
    if not path.is_file():
        here = sorted(p.stem for p in path.parent.glob("*.zip"))
        raise RecordError(
            f"model=recorded: expected the recorded study {path}, which does not exist. Recorded "
            f"there: {', '.join(here) or 'nothing'}. Use one of these, or model=openai or "
            f"model=exchange."
        )
    _, events = read_archive(path)
    return study_of(events, path=path)


def study_of(events: Sequence[Event], *, path: Path) -> Study:
    """Read a run's answers and decisions out of its events; path: for messages."""
    manifest = next(e.content for e in events if e.kind == "manifest")
    calls = [e.content for e in events if e.kind == "call"]
    if "~" in manifest["arm"]:
        raise RecordError(
            f"{path}: expected an arm whose answers are its own, {manifest['arm']} got them from "
            f"elsewhere. Record a run with model=openai or model=exchange."
        )
    if not calls:
        raise RecordError(f"{path}: expected a run that asked an LLM, this one asked none.")
    config = manifest["config"]
    return Study(
        path=str(path),
        settings=f"+ablation={config['ablation']} seed={config['seed']} "
        f"budget.evaluations={config['budget']['evaluations']} task={manifest['data']['name']}",
        task=manifest["data"]["name"],
        model=", ".join(sorted({call["model"] for call in calls})),
        date=max(call["date"] for call in calls),
        prompts_digest=manifest["prompts"],
        calls=tuple(sorted(calls, key=lambda call: _order(call["step"]))),
        scores=scores_of(events),
    )


def scores_of(events: Sequence[Event]) -> dict[str, Mapping[str, Any]]:
    """Return the fates that decided a run's course, by step."""
    scores = {e.key.split("/")[1]: e.content["outcome"] for e in events if e.kind == "proposal"}
    scores |= {e.key: e.content["outcome"] for e in events if e.kind == "confirmed"}
    reference = next(e.content for e in events if e.kind == "reference")
    return {"seed": reference["outcome"], **scores}


def _order(step: str) -> tuple[int, int, str]:
    generation, child, purpose = step.split(".")
    return int(generation[1:]), int(child[1:]), purpose


def _require_formats(file: Path, contents: Mapping[str, Any]) -> None:
    known = {"format": {ARCHIVE_FORMAT}, "journal_format": set(READABLE_FORMATS)}
    for name, formats in known.items():
        if contents[name] not in formats:
            raise RecordError(
                f"{file}: expected an archive of {name} {max(formats)}, found {contents[name]}. "
                f"Use "
                f"the version of this package that wrote it, guided-evolution "
                f"{contents['version']}."
            )


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError(f"{name} is larger than {_MOST_BYTES} bytes")
    return archive.read(name)


def _damaged(file: Path, why: str) -> RecordError:
    return RecordError(
        f"{file}: expected an archive that python -m harness.export wrote, it is damaged or none: "
        f"{why}. Get it again from where it came."
    )
