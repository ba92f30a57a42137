"""Untrusted settings: recorded configurations, and the overrides of a plan.

Untrusted settings are data. ``${...}`` is never resolved. Only classes that ``conf/`` or an
installed arm uses for the same setting are accepted. Paths, servers and the sandbox of this machine
are set by its user alone. A door to Hydra and OmegaConf.
"""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config.compose import STRATEGIES
from harness.config.identity import PLANNABLE, parts, role_of, settings_of, unrecorded_settings
from harness.config.paths import CONF
from harness.config.problems import nearest, problems, reason
from harness.config.schema import LEVELS, Config, Role
from harness.config.strategies import (
    check_arguments,
    with_import_paths,
    with_stable_names,
)
from harness.config.tasks import recipe_of
from harness.config.yaml_files import is_literal, literal, one_sentence
from harness.errors import InputError
from harness.text import reason_of

_DIGESTS = frozenset({"data", "network", "study", "version", "torch", "third_party"})
"""Keys of an identity that are not settings."""
_FREE_FORM = frozenset(name for name, hint in get_type_hints(Config).items() if hint is Any)
"""Settings without a schema. They include prompts, in which ``${...}`` is literal text."""
_LEAST_LEVEL = "contained"
"""Minimum sandbox level of a recorded run, unless the user sets a lower one."""
_MOST_DEPTH = 12
_MOST_INTEGER = 1 << 63
_MOST: Mapping[str, int] = {
    **dict.fromkeys(("sizes.founders", "sizes.offspring", "sizes.elites"), 1_000),
    **dict.fromkeys(("final.seeds", "final.hall_of_fame", "confirm.seeds"), 10_000),
    **dict.fromkeys(("budget.evaluations", "budget.proposals"), 1_000_000),
}
"""Upper limits of counts whose objects are held in memory before any is recorded or trained."""
_REFUSED: Mapping[Role, str] = {
    role: f"settings {what} must be given on the command line"
    for role, what in {
        Role.RUNTIME: "of the machine and acknowledgements", Role.TRANSPORT: "of servers",
        Role.WRITTEN: "that name a folder which a run writes to",
        Role.GUARD: "of the sandbox, of prices and of what a request contains",
    }.items()
}  # fmt: skip
"""Why a plan cannot set the settings of a role."""
_METHOD = frozenset({"proposer", "selection"})
"""Strategies that are the method of an arm."""
_SETTINGS = frozenset({*(f.name for f in dataclasses.fields(Config)), "profile"})
_LONGEST_REASON = 600
_LONGEST_OVERRIDE = 1_000
_DEEPEST_OVERRIDE = 8
_WORD = re.compile(r"[\w-]+")
_RELATIVE_PATH = re.compile(r"(?!.*\.\.)[\w.-][\w./-]*")


def restored(known: Mapping[str, Any], overrides: Sequence[str], *, kind: str) -> Config:
    """Rebuild the configuration of a recorded run.

    Args:
        known: The settings in the manifest. Settings that do not affect results are not recorded;
            they get the value ``unrecorded`` of the schema.
        overrides: Overrides that the user typed for this machine, such as ``device=cuda``.
        kind: Name of the run's task.

    Raises:
        InputError: This version does not support the configuration or the task.
    """
    try:
        _require_plain(known, _MOST_DEPTH)
        recorded = {
            key: with_import_paths(value, key)
            for key, value in with_stable_names(known).items()
            if key not in _DIGESTS
        }
        config = _typed(recorded, {}, kind)
        _require_recorded(known, config)
        typed: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides)), resolve=True)
        if "sandbox" not in typed:
            typed["sandbox"] = {"level": max(config.sandbox.level, _LEAST_LEVEL, key=LEVELS.index)}
        return _typed(recorded, typed, kind)
    except (OmegaConfBaseException, ValueError, TypeError, ArithmeticError) as error:
        raise InputError(
            f"expected a run that this version supports, got one recorded by guided-evolution "
            f"{reason_of(str(known.get('version')), 20)}: {reason_of(reason(error))}"
        ) from None
    except InputError as error:
        raise InputError(reason_of(str(error), _LONGEST_REASON)) from None


def require_data(override: str) -> None:
    """Raise InputError unless a plan's override sets a setting to a plain value.

    Args:
        override: The override, such as ``recipe.epochs=3``, ``model=openai`` or
            ``profile=ge2024``.
    """
    for problem in _problems_of(override):
        raise InputError(
            f"expected a setting such as recipe.epochs=3, got {reason_of(override, 80)}: {problem}."
        )


def _typed(recorded: Mapping[str, Any], typed: Mapping[str, Any], kind: str) -> Config:
    """Return the recorded settings, updated with those that the user typed, as a checked Config."""
    node = OmegaConf.merge(
        OmegaConf.structured(Config),
        {"recipe": OmegaConf.structured(recipe_of(kind))},
        with_import_paths(unrecorded_settings(), ""),
        {"recipe": unrecorded_settings(recipe_of(kind))},
        {key: literal(value, key) for key, value in recorded.items() if key not in _FREE_FORM},
        {key: value for key, value in typed.items() if key not in _FREE_FORM},
        {key: None for key in recorded if key in _FREE_FORM},
    )
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    for key in _FREE_FORM & (recorded.keys() | typed.keys()):
        value = recorded[key] if key in recorded else getattr(config, key)
        setattr(config, key, _updated(value, typed[key]) if key in typed else value)
    for problem in problems(config):
        raise InputError(problem)
    for name in STRATEGIES:
        if name in recorded or name in typed:
            check_arguments(name, getattr(config, name))
    require_moderate(config)
    return config


def require_moderate(config: Config) -> None:
    """Raise InputError for counts that would exhaust memory before training starts."""
    for name, most in _MOST.items():
        if attrgetter(name)(config) > most:
            raise InputError(f"{name}: expected at most {most:,}, got {attrgetter(name)(config)}.")


def require_installed(name: str, node: Any) -> None:
    """Check the classes of a composed strategy, whatever override put them there.

    Args:
        name: Setting of the strategy.
        node: Its class and arguments, as plain values.

    Raises:
        InputError: A class is not one that ``conf/`` or an installed arm uses for its setting.
    """
    if with_import_paths(with_stable_names(node), name) != node:
        raise InputError(f"{name}: expected classes of conf/ or of an installed arm.")


def _require_recorded(known: Mapping[str, Any], config: Config) -> None:
    """Raise ValueError if recording the configuration would not reproduce the recorded value.

    Identities omit settings of the machine. This package does not write a record that contains
    one.
    """
    again = settings_of(config)
    for key, value in with_stable_names(known).items():
        if key not in _DIGESTS and not _is_within(value, again.get(key, dataclasses.MISSING)):
            raise ValueError(f"{key}: expected a value as this package records it, found another")


def _is_within(recorded: Any, again: Any) -> bool:
    """Return whether a value is recorded unchanged; newer settings may be added."""
    if isinstance(recorded, Mapping):
        return isinstance(again, Mapping) and all(
            key in again and _is_within(value, again[key]) for key, value in recorded.items()
        )
    if isinstance(recorded, list):
        return isinstance(again, list) and recorded == again
    return bool(recorded == again)


def _require_plain(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"expected at most {_MOST_DEPTH} nested levels")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("expected strings as names of settings")
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            _require_plain(inner, depth - 1)
    elif isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) >= _MOST_INTEGER:
            raise ValueError("expected finite numbers of at most 64 bits")
    elif not isinstance(value, str | None):
        raise TypeError(f"expected plain values, found {type(value).__name__}")


def _updated(value: Any, change: Any) -> Any:
    if not isinstance(value, Mapping) or not isinstance(change, Mapping):
        return change
    changed = {k: _updated(value[k], v) if k in value else v for k, v in change.items()}
    return {**value, **changed}


def _problems_of(text: str) -> Iterator[str]:
    """Yield the reasons why a plan's override is refused."""
    if len(text) > _LONGEST_OVERRIDE or max(map(text.count, "[{(")) > _DEEPEST_OVERRIDE:
        yield f"the limit is {_LONGEST_OVERRIDE:,} characters and {_DEEPEST_OVERRIDE} brackets"
        return
    try:
        override = OverridesParser.create().parse_override(text)
        value = override.value()
    except HydraException as error:
        yield f"it does not parse ({one_sentence(error)})"
        return
    key = override.key_or_group
    if (override.is_add() and key != "profile") or override.is_force_add() or override.is_delete():
        yield "settings cannot be added or deleted"
    if not _is_data(value) or not is_literal(text):
        yield (
            "a value is a finite number of at most 64 bits, word, quoted text, or list or mapping "
            "of them, without ${...}"
        )
    if (override.package or key).partition(".")[0] != key.partition(".")[0]:
        yield "an option cannot be assigned to another group"
    yield from _problems_of_key(override.package or key, value, is_choice="." not in key)


def _problems_of_key(key: str, value: Any, *, is_choice: bool) -> Iterator[str]:
    """Yield the reasons why a plan cannot set a setting."""
    first, role = key.partition(".")[0], role_of(key)
    if first not in _SETTINGS:
        near = nearest(first, _SETTINGS)
        yield f"python -m harness has no setting {reason_of(first, 40)}" + (
            f", did you mean {near}" if near else ""
        )
    elif role is Role.CONTENT:
        path = value.text if isinstance(value, QuotedString) else value
        if path is not None and not (isinstance(path, str) and _RELATIVE_PATH.fullmatch(path)):
            yield "files must be relative paths below the current folder"
    elif role not in PLANNABLE:
        yield _REFUSED[role]
    elif any(part.startswith("_") for part in key.split(".")):
        yield "classes cannot be set, only options of conf/"
    elif (part := key.removeprefix("proposer.").partition(".")[0]) in parts() and part != first:
        yield f"{parts()[part]} is set by that name, a proposer has a copy of it"
    elif is_choice and first in _METHOD and not isinstance(value, Mapping):
        yield f"an arm chooses its {first}, so that its name says which; name another arm"
    elif is_choice and not _is_choice(first, value):
        yield f"an option must be one of the names in conf/{first}"
    for name, item in _nested(key, value):
        yield from _problems_of_key(name, item, is_choice=False)


def _is_choice(group: str, value: Any) -> bool:
    """Return whether a value can choose options of ``conf/``, where the setting has a group."""
    texts = list(_texts(value))
    items = value if isinstance(value, list) else [value]
    has_options = (CONF / group).is_dir() and not isinstance(value, Mapping)
    return all(map(_WORD.fullmatch, texts)) and (len(texts) == len(items) > 0 or not has_options)


def _nested(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the settings that a mapping sets, also within lists, by dotted name."""
    if isinstance(value, Mapping):
        yield from ((f"{key}.{name}", item) for name, item in value.items())
    elif isinstance(value, list):
        for item in value:
            yield from _nested(key, item)


def _texts(value: Any) -> Iterator[str]:
    """Yield a text, or all texts of a nested list."""
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str | QuotedString):
        yield value.text if isinstance(value, QuotedString) else value


def _is_data(value: Any) -> bool:
    """Return whether a parsed value consists of plain values."""
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and _is_data(k) and _is_data(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(_is_data, value))
    if isinstance(value, str | QuotedString):  # unescaped: $\{x\} was parsed to ${x}
        return all(map(is_literal, _texts(value)))
    return value is None or (isinstance(value, int | float) and abs(value) < _MOST_INTEGER)
