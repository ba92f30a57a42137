"""Notes on runs that can be declared again after a look: same search, other measure or margin."""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
"""Name of a run's folder: arm and seed, then the digest of its settings."""
_LATER = "final"
"""Settings of what is done with the networks of a search; a search does not depend on them."""


def on_declarations(comparison: Comparison) -> Iterator[str]:
    """Yield how runs beside these declare the same searches otherwise.

    Their trainings are reused, so a measure or a margin can be declared again in seconds.
    """
    names = {folder: _names_in(folder) for folder in {run.folder.parent for run in comparison.runs}}
    declared = Counter(
        text for run in comparison.runs for text in _otherwise(run, names[run.folder.parent])
    )
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


def _otherwise(run: RunResult, names: Sequence[str]) -> Iterator[str]:
    """Yield how other runs of the same search differ in what follows it."""
    named = _NAME.fullmatch(run.folder.name)
    alike = [name for name in names if named and name.startswith(named[1])]
    ours = run.manifest.settings
    for other in (one for name in alike for one in _manifests(run.folder.parent / name)):
        if other.arm == run.arm and _of_the_search(other.settings) == _of_the_search(ours):
            was, now = (leaves_of({_LATER: one.get(_LATER, {})}) for one in (ours, other.settings))
            if changed := [f"{name}={now[name]}" for name in now if now[name] != was.get(name)]:
                yield ", ".join(sorted(changed))


def _manifests(folder: Path) -> list[Manifest]:
    with contextlib.suppress(RecordError):  # harness.table reports a damaged run
        return read_kind(folder, Manifest)
    return []


def _of_the_search(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != _LATER}
