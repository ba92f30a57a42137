"""Files in a run's or comparison's folder that say what of it has been mirrored."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from harness.files import read_regular, write_text

DONE = "tracking.done"
_ROWS = "tracking.rows"
_MOST_BYTES = 100_000


def is_done(folder: Path, content: str) -> bool:
    """Return whether all of this content was mirrored; its digest or id stands for it."""
    with contextlib.suppress(OSError):
        return read_regular(folder / DONE, _MOST_BYTES) == content.encode()
    return False


def mark_done(folder: Path, content: str) -> None:
    """Say that all of this content was mirrored."""
    write_text(folder / DONE, content)


def rows_by_place(folder: Path) -> Mapping[str, int]:
    """Return how many rows of a history each place has, counted from the first; none if unknown."""
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(read_regular(folder / _ROWS, _MOST_BYTES))
        if isinstance(known, dict):
            return {place: n for place, n in known.items() if type(n) is int}
    return {}


def note_rows(folder: Path, place: str, rows: int) -> None:
    """Say that a place has the first so many rows."""
    write_text(folder / _ROWS, json.dumps({**rows_by_place(folder), place: rows}))
