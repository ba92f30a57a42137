"""Notes on declarations that can be made after a look: what counts once a search has ended."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.analysis.arm import leaves_of
from harness.analysis.comparison import Comparison
from harness.analysis.run_result import RunResult
from harness.errors import RecordError
from harness.record.events import Manifest
from harness.record.journal import read_kind
from harness.text import counted

_NAME = re.compile(r"(.+-s\d+-)[0-9a-f]+")
_LATER = "final"
"""Settings of what is done with the networks of a search; a search does not depend on them."""


def on_declarations(comparison: Comparison) -> Iterator[str]:
    """Yield how runs beside these declare the same searches otherwise.

    Their trainings are reused, so a measure or a margin can be declared again in seconds.
    """
    beside = cache(_names_in)
    declared: dict[str, int] = {}
    for run in comparison.runs:
        for other in _of_the_same_search(run, beside(run.folder.parent)):
            declared[other] = declared.get(other, 0) + 1
    if declared:
        others = "; ".join(f"{text} ({counted(n, 'run')})" for text, n in sorted(declared.items()))
        yield (
            f"The folder has runs of the same searches with other settings: {others}. Their "
            f"trainings are shared, so either may have been declared after a look at the other."
        )


def _names_in(folder: Path) -> list[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)
    return []


def _of_the_same_search(run: RunResult, names: list[str]) -> Iterator[str]:
    """Yield the settings after the search that other runs of it have, where they differ."""
    named = _NAME.fullmatch(run.folder.name)
    if named is None:
        return
    ours = run.manifest.settings
    for name in names:
        if name == run.folder.name or not name.startswith(named[1]):
            continue
        with contextlib.suppress(RecordError):  # it is told where its own table is made
            for other in read_kind(run.folder.parent / name, Manifest):
                theirs = other.settings
                if _without_later(ours) == _without_later(theirs) and run.arm == other.arm:
                    was, now = (leaves_of({_LATER: one.get(_LATER)}) for one in (ours, theirs))
                    changed = [f"{n}={now[n]}" for n in sorted(now) if now[n] != was.get(n)]
                    if changed:
                        yield ", ".join(changed)


def _without_later(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != _LATER}
