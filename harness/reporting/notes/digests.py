"""Notes on arms that a digest of their settings tells apart."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.analysis.arm import Arm, distinguishing
from harness.config.strategies import TARGET
from harness.evolution.schedule import is_steady
from harness.reporting.notes.note import Note, notes_on
from harness.text import reason_of

_SETTINGS_SHOWN = 4
_RUNS_SHOWN = 3
_CHARACTERS = 60
_SCHEDULE = f"schedule.{TARGET}"


def on_digests(arms: Sequence[Arm]) -> Iterator[Note]:
    """Yield the settings of each arm that has a digest in its name, and the folders of its runs."""
    groups: dict[str, list[Arm]] = {}
    for arm in arms:
        if arm.by_digest:
            groups.setdefault(arm.runs[0].arm, []).append(arm)
    for group in groups.values():
        for arm, settings in zip(group, distinguishing([a.runs[0] for a in group]), strict=True):
            runs = _some([run.folder.name for run in arm.runs], _RUNS_SHOWN)
            yield from notes_on(arm.name, [f"{_settings(settings)}recorded in {runs}."])


def _settings(settings: dict[str, Any]) -> str:
    """Return the settings that have a value, or that none has; "" where records show none."""
    settings = _with_named_schedule(settings)
    given = {name: value for name, value in settings.items() if value is not None}
    if not given:
        return f"without {_some(list(settings), _SETTINGS_SHOWN)}; " if settings else ""
    texts = [f"{name}={reason_of(str(value), _CHARACTERS)}" for name, value in given.items()]
    return f"{_some(texts, _SETTINGS_SHOWN)}; "


def _with_named_schedule(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the option of ``conf/schedule`` in place of its class and arguments."""
    target = settings.get(_SCHEDULE)
    steady = is_steady({TARGET: target})
    if _SCHEDULE not in settings or (target is not None and not steady):
        return settings
    others = {k: v for k, v in settings.items() if not k.startswith("schedule.")}
    return others | {"schedule": "steady_state" if steady else "generational"}


def _some(texts: Sequence[str], most: int) -> str:
    left_out = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + left_out
