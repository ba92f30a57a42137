"""Consistency checks across the events of one run, so that every table can be built from them.

Each event has been validated alone when it was read. These checks cover the settings that tables
need, and references between events by step.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from types import NoneType
from typing import Any, get_args, get_type_hints

from harness.config.arguments import misfit
from harness.config.identity import comparison_digest, digest_of, variant_digest
from harness.config.schema import Confirm, Final, Search
from harness.config.strategies import TARGET, installed_strategies, stable_name, strategy_class
from harness.config.tasks import KINDS
from harness.errors import InputError, RecordError
from harness.evolution.candidate import is_charged
from harness.evolution.proposer import labels_of
from harness.evolution.selection import Selection
from harness.record.circumstances import CodeChanged
from harness.record.event import Event
from harness.record.events import (
    CallAnswered,
    CallRefused,
    ChildDecided,
    Manifest,
    NetworkRetrained,
    ReferenceEvaluated,
    ScoreConfirmed,
)
from harness.text import reason_of

_MOST_EVALUATIONS = 1_000_000
MOST_PROPOSALS = 20_000
_MOST = 1e9
"""Upper limit of the numbers among the settings that tables need."""
_STEP = re.compile(r"g[0-9]{1,5}\.[a-z0-9]{1,20}")
"""A step is also used as a file name."""
_COUNT = re.compile(r"[0-9]{1,9}")
_NUMBER = (int, float)
_NEEDED: Mapping[str, tuple[type, ...]] = {
    "search.split": (str,), "recipe.epochs": (int,), "budget.evaluations": (int,),
    "final.hall_of_fame": (int,), "final.seeds": (int,), "final.tolerance": _NUMBER,
    "network": (str,),
}  # fmt: skip
"""Settings that tables need, with the types of their values."""
_OPTIONAL: Mapping[str, type] = {
    "proposer": dict, "proposer.model": dict, "proposer.model.name": str,
}  # fmt: skip
"""Settings that some runs lack, with the type of a value where there is one."""
_SECTIONS: Mapping[str, type] = {"final": Final, "confirm": Confirm, "search": Search}
"""Settings whose values, as far as they are recorded, have the types and ranges of the schema."""
_PACKAGE = "guided-evolution"
_OWN = "harness"
"""Package of this project's strategies."""
_MOST_ENTRIES, _LONGEST_LINE = 1_000, 500
"""Limits of what a manifest states of a machine, which nothing can compute again."""
_OF_CALLS = ("llm_calls", "prompt_tokens", "completion_tokens", "tokens", "cost")
"""Limits of a budget that may have no room for a call."""
_MACHINE = ("device", "torch", "python", "sandbox")


def require_sound(events: Sequence[Event], origin: object) -> None:
    """Raise RecordError unless tables can be built from the events of a run, finished or not.

    Args:
        events: All events of one run, oldest first.
        origin: Where the events come from, for the message.
    """
    if why := problem_of(events):
        raise RecordError(
            f"{origin}: expected the events of a run, some are missing or damaged ({why}). Restore "
            f"the journal from a copy."
        )


def problem_of(events: Sequence[Event]) -> str:
    """Return why tables cannot be built from the events of a run, "" where they can."""
    try:
        _check(events)
    except (ValueError, LookupError) as error:
        why = f"{type(error).__name__}: {error}" if isinstance(error, LookupError) else str(error)
        return reason_of(why)
    return ""


def statable(text: str) -> str:
    """Return a text as a manifest may state it: one printable line of limited length."""
    return reason_of("".join(c if c.isprintable() else " " for c in text), _LONGEST_LINE)


def _check(events: Sequence[Event]) -> None:
    if not isinstance(events[0], Manifest):
        raise ValueError(f"the first event is {events[0].KIND}, not manifest")  # noqa: TRY004
    _check_manifest(events[0])
    _check_decisions(events[0], events)
    _check_limits(events)
    known = {"seed"}
    answered = {event.step for event in events if isinstance(event, CallAnswered)}
    reference = False
    for event in events:
        if isinstance(event, ReferenceEvaluated):
            reference = True
        if isinstance(event, ChildDecided):
            if not reference:
                raise ValueError(f"{event.step} was decided before the seed network was evaluated")
            _check_child(event, known, answered)
            known.add(event.step)
            if len(known) - 1 > MOST_PROPOSALS:  # the seed network is none
                raise ValueError(f"more than {MOST_PROPOSALS:,} proposals")
        if isinstance(event, CodeChanged):
            _require_lines(event.code, event.key)
        if isinstance(event, NetworkRetrained | ScoreConfirmed) and event.step not in known:
            raise ValueError(f"{event.key} refers to a network that was not proposed")
        if isinstance(event, ScoreConfirmed):
            _setting(events[0].settings, "confirm.seeds", _NUMBER)


def _check_decisions(manifest: Manifest, events: Sequence[Event]) -> None:
    """Check that a run without a study decided by what it measured, and kept to its budget."""
    proposals = evaluations = 0
    for event in events:
        if not isinstance(event, ReferenceEvaluated | ChildDecided | ScoreConfirmed):
            continue
        if event.outcome != event.measured and not manifest.study:
            raise ValueError(f"{event.key} was not decided as measured, though it has no study")
        if isinstance(event, ChildDecided):
            proposals += 1
            evaluations += is_charged(event.outcome, event.measured)
    budget = manifest.settings["budget"]
    for name, n in (("proposals", proposals), ("evaluations", evaluations)):
        limit = budget.get(name)
        if limit is not None and n > limit:
            raise ValueError(f"{n:,} {name}, more than budget.{name} allows")


def _check_limits(events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, CallRefused) and event.limit not in _OF_CALLS:
            raise ValueError(f"{event.key} names a limit that is none of {', '.join(_OF_CALLS)}")


def _check_manifest(manifest: Manifest) -> None:
    _check_settings(manifest.settings)
    for name, value in _derived(manifest.settings):
        if getattr(manifest, name) != value:
            raise ValueError(f"its {name} is not that of its settings")
    if manifest.data.kind not in KINDS:
        raise ValueError(f"its task is not one of {', '.join(KINDS)}: {manifest.data.kind}")
    _check_statements(manifest)


def _check_statements(manifest: Manifest) -> None:
    """Check what a manifest states of its data, study, versions and machine."""
    for name, value in _stated_twice(manifest):
        if name in manifest.settings and manifest.settings[name] != value:
            raise ValueError(f"its {name} is not that of its settings")
    for name, value in manifest.hashes.items():
        if not value.startswith(str(manifest.settings.get(name))):
            raise ValueError(f"the hash of its {name} is not that of its settings")
    for name in _MACHINE:
        if not isinstance(manifest.machine[name], str):
            raise ValueError(f"machine.{name} is not a str")  # noqa: TRY004
    for name in ("machine", "packages", "labels", "study", "commit", "code", "hashes"):
        _require_lines(getattr(manifest, name), name)
    if manifest.study and (lacks := {"date", "model"} - manifest.study.keys()):
        raise LookupError(f"study.{min(lacks)}")
    if "study" in manifest.settings and bool(manifest.settings["study"]) != bool(manifest.study):
        raise ValueError("its study is not that of its settings")


def _derived(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a manifest that its settings decide.

    Version 0.1.0, which recorded no ``final.measure``, digested other names of strategies and
    settings, so that its digests cannot be computed again.
    """
    yield from ((name, settings[name]) for name in ("arm", "seed") if name in settings)
    if "version" in settings and "measure" in settings["final"]:
        yield "comparison", comparison_digest(settings)
        yield "variant", variant_digest(settings)
        if prompts := _lookup(settings, "proposer.prompts"):
            yield "prompts", digest_of(prompts)
        yield from _of_strategies(settings)


def _of_strategies(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields that strategies of this package decide, in a record of this version.

    Those of other versions and packages may declare other labels under the same name.
    """
    if settings["version"] != version(_PACKAGE):
        return
    if proposer := _own_class(settings, "proposer"):
        yield "labels", dict(labels_of(proposer))
    if selection := _own_class(settings, "selection"):
        default = getattr(selection, "score_only", Selection.score_only)
        yield "score_only", settings["selection"].get("score_only", default)


def _own_class(settings: Mapping[str, Any], name: str) -> type[Any] | None:
    """Return the class of a strategy; None unless this package has it and can import it."""
    target = _lookup(settings, f"{name}.{TARGET}")
    path = installed_strategies().get(stable_name(target)) if isinstance(target, str) else None
    if path is None or path.partition(".")[0] != _OWN:
        return None
    try:
        return strategy_class(path)
    except InputError:  # it needs a package that is not installed here
        return None


def _stated_twice(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """Yield what a manifest states of its data and versions, by the setting that has it, too."""
    yield "data", manifest.data.digest
    yield "version", manifest.packages[_PACKAGE]
    if "torch" in manifest.packages:
        yield "torch", manifest.packages["torch"]


def _require_lines(value: Any, name: str) -> None:
    """Raise ValueError unless every text within a value is one printable line of limited length."""
    if isinstance(value, Mapping | list):
        if len(value) > _MOST_ENTRIES:
            raise ValueError(f"{name} has more than {_MOST_ENTRIES:,} entries")
        for inner in [*value, *value.values()] if isinstance(value, Mapping) else value:
            _require_lines(inner, name)
    elif isinstance(value, str) and not (value.isprintable() and len(value) <= _LONGEST_LINE):
        raise ValueError(f"{name} has a text that is not one printable line")


def _check_settings(settings: Mapping[str, Any]) -> None:
    for name, types in _NEEDED.items():
        _setting(settings, name, types)
    for name, kind in _OPTIONAL.items():
        where, _, last = name.rpartition(".")
        if last in ((_lookup(settings, where) or {}) if where else settings):
            _setting(settings, name, (kind,))
    for name, schema in _SECTIONS.items():
        if name in settings:
            _check_section(name, _setting(settings, name, (dict,)), schema)
    if "fidelity" in settings:
        _setting(settings, "fidelity._target_", (str,))
    _check_budget(settings)


def _check_budget(settings: Mapping[str, Any]) -> None:
    if "training_price" in settings:
        _setting(settings, "training_price", _NUMBER)
    for name, limit in settings["budget"].items():
        if limit is not None:
            _setting(settings, f"budget.{name}", _NUMBER)
    if not 1 <= settings["budget"]["evaluations"] <= _MOST_EVALUATIONS:
        raise ValueError(f"budget.evaluations is not from 1 to {_MOST_EVALUATIONS:,}")


def _check_section(section: str, values: Mapping[str, Any], schema: type) -> None:
    hints = get_type_hints(schema)
    for f in fields(schema):
        if f.name in values:
            name, value, hint = f"{section}.{f.name}", values[f.name], hints[f.name]
            if value is None and NoneType in get_args(hint):
                continue
            if misfit(value, hint) or value is None:
                raise ValueError(f"{name} is not of type {getattr(hint, '__name__', hint)}")
            within = f.metadata.get("within")
            if within and not within.least <= value <= min(within.most, _MOST):
                raise ValueError(f"{name} is not {within.words}")


def _check_child(child: ChildDecided, known: set[str], answered: set[str]) -> None:
    if not _STEP.fullmatch(child.step):
        raise ValueError(f"{child.step} is not a step such as g2.c3")
    if not child.parents or not known.issuperset(child.parents):
        raise ValueError(f"{child.step} has a parent that was not decided before it")
    for variation in child.variations:
        if not answered.issuperset(variation.calls):
            raise ValueError(f"{child.step} refers to a call without an answer")
        if not _COUNT.fullmatch(variation.detail.get("repairs", "0")):
            raise ValueError(f"{child.step} has a number of repairs that is not a whole number")


def _setting(settings: Mapping[str, Any], name: str, types: tuple[type, ...]) -> Any:
    """Return a setting by its dotted name; ValueError unless it has one of the types."""
    value = _lookup(settings, name)
    if type(value) not in types:
        raise ValueError(f"{name} is not of type {' or '.join(one.__name__ for one in types)}")
    if isinstance(value, int | float) and not 0 <= value <= _MOST:
        raise ValueError(f"{name} is not from 0 to {_MOST:g}")
    return value


def _lookup(settings: Mapping[str, Any], name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
