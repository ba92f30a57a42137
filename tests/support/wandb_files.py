"""What W&B wrote offline, read back with its own protocol."""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, HEADER = 32_768, 7


@dataclass
class OfflineRun:
    """One run, as ``wandb sync`` would send it."""

    folder: Path
    record: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    artifacts: list[Any] = field(default_factory=list)
    exit_code: int | None = None

    def rows(self, name):
        """The rows of a history that have a value of this name: its step, the value."""
        return [(row["evaluations"], row[name]) for row in self.history if name in row]

    def table(self, name):
        """A logged table: its columns, rows by column, and types by column."""
        (logged,) = [row[name] for row in self.history if name in row]
        content = json.loads((self.folder / "files" / logged["path"]).read_text())
        return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]

    def files_of(self, kind):
        """The files of the artifacts of a type: text by name."""
        return {
            entry.path: Path(entry.local_path).read_bytes()
            for artifact in self.artifacts
            if artifact.type == kind
            for entry in artifact.manifest.contents
        }


def offline_runs(folder):
    """Read all runs that W&B wrote below a folder, in order of their paths."""
    return [read_offline(path) for path in sorted(folder.rglob("run-*.wandb"))]


def read_offline(path):
    """Read one file of W&B."""
    run = OfflineRun(folder=path.parent)
    for record in records(path):
        match record.WhichOneof("record_type"):
            case "run":
                run.record = record.run
                run.config |= _values(record.run.config.update)
            case "config":
                run.config |= _values(record.config.update)
            case "history":
                run.history.append(_values(record.history.item))
            case "summary":
                run.summary |= _values(record.summary.update)
            case "metric":
                run.metrics[record.metric.name or record.metric.glob_name] = record.metric
            case "artifact":
                run.artifacts.append(record.artifact)
            case "exit":
                run.exit_code = record.exit.exit_code
    return run


def _values(items):
    """Read items; a key with parts is a value within another."""
    found = {}
    for item in items:
        *outer, last = item.nested_key or [item.key]
        place = found
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)
    return found


def records(path):
    """Read the messages of W&B's log, which has the format of LevelDB's."""
    data, place, whole, found = path.read_bytes(), HEADER, b"", []
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEADER])
        if kind == 0:
            break
        whole += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in {1, 4}:  # a whole record, or the last piece of one
            found.append(Record.FromString(whole))
            whole = b""
    return found
