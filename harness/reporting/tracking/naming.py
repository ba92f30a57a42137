"""Names of runs on a tracking server: ids, groups and tags."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.comparison import table_name
from harness.config.identity import digest_of
from harness.record.event import Entry
from harness.record.events import Manifest
from harness.record.journal import read_entries
from harness.text import one_line

ARM, COMPARISON = "arm", "comparison"
"""Types of the jobs on a server."""
LONGEST_TAG, LONGEST_NAME = 64, 128
"""What W&B allows, in characters."""


def run_id(tracking: Mapping[str, Any], first: Entry) -> str:
    """Return the id of a run: the same whenever it goes on, another for the same search repeated.

    Args:
        tracking: Settings of the server.
        first: The first event of the run's journal, its manifest.
    """
    started = {"manifest": first.event.content, "at": first.at}
    return digest_of([tracking["project"], tracking["entity"], started])


def id_of_folder(tracking: Mapping[str, Any], folder: Path) -> str:
    """Return the id of the run in a folder."""
    return run_id(tracking, read_entries(folder)[0])


def comparison_id(tracking: Mapping[str, Any], folders: Sequence[Path]) -> str:
    """Return the id of the comparison of the runs in these folders."""
    return digest_of(sorted(id_of_folder(tracking, folder) for folder in folders))


def group_of(tracking: Mapping[str, Any], manifest: Manifest) -> str:
    """Return the group of the runs that stand in one table: names, and a digest of the settings."""
    names = ", ".join(_names(tracking, manifest))
    digest = table_name(manifest)
    return f"{names[: LONGEST_NAME - len(digest) - 3]} ({digest})"


def tags_of(tracking: Mapping[str, Any], manifest: Manifest) -> list[str]:
    """Return the tags of a run or comparison: task, network, profile, and those of the settings."""
    tags = [*_names(tracking, manifest), *(one_line(str(tag)) for tag in tracking.get("tags", ()))]
    return list(dict.fromkeys(tag[:LONGEST_TAG] for tag in tags if tag))


def _names(tracking: Mapping[str, Any], manifest: Manifest) -> list[str]:
    network, profile = tracking.get("network"), tracking.get("profile")
    known = [manifest.data.name, network and Path(network).stem, profile]
    return [one_line(str(name)) for name in known if name]
