"""Settings from somebody else's files: recorded configurations, and the overrides of a plan.

They are data. ``${...}`` is never resolved, classes are those that ``conf/`` and installed arms use
for the same setting, and what decides where things lie on this machine, whom it sends to and how
it confines candidates is not taken from them. A door to Hydra and OmegaConf.
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
from harness.config.identity import role_of, settings_of, unrecorded_settings
from harness.config.schema import LEVELS, Config, Role, problems
from harness.config.strategies import (
    check_arguments,
    with_import_paths,
    with_stable_names,
)
from harness.config.tasks import recipe_of
from harness.config.yaml_files import one_sentence
from harness.errors import InputError
from harness.text import reason_of

_DIGESTS = frozenset({"data", "network", "study", "version", "torch", "third_party"})
"""What an identity holds besides settings."""
_FREE_FORM = frozenset(name for name, hint in get_type_hints(Config).items() if hint is Any)
"""Settings of any shape. Their texts are prompts, in which ``${...}`` is text."""
_LEAST_LEVEL = "contained"
"""What a recorded level below it becomes, unless the user asks for that level."""
_MOST_DEPTH = 12
_MOST_INTEGER = 1 << 63
_MOST: Mapping[str, int] = {
    **dict.fromkeys(("sizes.founders", "sizes.offspring", "sizes.elites"), 10_000),
    **dict.fromkeys(("final.seeds", "final.hall_of_fame", "confirm.seeds"), 10_000),
    **dict.fromkeys(("budget.evaluations", "budget.proposals"), 1_000_000),
}
"""Numbers of things that are held in memory before the first of them is recorded or trained."""
_SETTINGS = frozenset({*(f.name for f in dataclasses.fields(Config)), "profile"})
_LONGEST_REASON = 600
_LONGEST_OVERRIDE = 1_000
_DEEPEST_OVERRIDE = 8
_WORD = re.compile(r"[\w-]+")
_RELATIVE_PATH = re.compile(r"(?!.*\.\.)[\w.-][\w./-]*")


def restored(known: Mapping[str, Any], overrides: Sequence[str], *, kind: str) -> Config:
    """Rebuild the configuration of a recorded run.

    Args:
        known: The settings in its manifest. Settings that change no outcome are not recorded and
            get the value ``unrecorded`` of the schema.
        overrides: What another machine needs, such as ``device=cuda``, as its user typed it.
        kind: Name of its task.

    Raises:
        InputError: This version has no such configuration, or no such task.
    """
    try:
        _require_plain(known, _MOST_DEPTH)
        recorded = {
            key: with_import_paths(value, key)
            for key, value in known.items()
            if key not in _DIGESTS
        }
        config = _typed(recorded, {}, kind)
        _require_recorded(known, config)
        theirs: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides)), resolve=True)
        if "sandbox" not in theirs:
            theirs["sandbox"] = {"level": max(config.sandbox.level, _LEAST_LEVEL, key=LEVELS.index)}
        return _typed(recorded, theirs, kind)
    except (OmegaConfBaseException, ValueError, TypeError, ArithmeticError) as error:
        raise InputError(
            f"expected a run that this version can compose, it was recorded by guided-evolution "
            f"{reason_of(str(known.get('version')), 20)}: {reason_of(one_sentence(error))}"
        ) from None
    except InputError as error:
        raise InputError(reason_of(str(error), _LONGEST_REASON)) from None


def require_data(override: str) -> None:
    """Raise InputError unless an override that a plan wrote down is a plain value of a setting.

    Args:
        override: Such as ``recipe.epochs=3``, ``model=openai`` or ``+profile=ge2024``.
    """
    for problem in _problems_of(override):
        raise InputError(
            f"expected settings such as recipe.epochs=3, {problem}; got {reason_of(override, 80)}."
        )


def _typed(recorded: Mapping[str, Any], theirs: Mapping[str, Any], kind: str) -> Config:
    """Return recorded settings, changed by the user's, as a checked configuration."""
    node = OmegaConf.merge(
        OmegaConf.structured(Config),
        {"recipe": OmegaConf.structured(recipe_of(kind))},
        with_import_paths(unrecorded_settings(), ""),
        {"recipe": unrecorded_settings(recipe_of(kind))},
        {key: _literal(value, key) for key, value in recorded.items() if key not in _FREE_FORM},
        {key: value for key, value in theirs.items() if key not in _FREE_FORM},
        {key: None for key in recorded if key in _FREE_FORM},
    )
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    for key in _FREE_FORM & (recorded.keys() | theirs.keys()):
        own = recorded[key] if key in recorded else getattr(config, key)
        setattr(config, key, _updated(own, theirs[key]) if key in theirs else own)
    for problem in problems(config):
        raise InputError(problem)
    for name in STRATEGIES:
        if name in recorded or name in theirs:
            check_arguments(name, getattr(config, name))
    require_moderate(config)
    return config


def require_moderate(config: Config) -> None:
    """Raise InputError for numbers that fill the memory before anything is trained."""
    for name, most in _MOST.items():
        if attrgetter(name)(config) > most:
            raise InputError(f"{name}: expected at most {most:,}, got {attrgetter(name)(config)}.")


def _require_recorded(known: Mapping[str, Any], config: Config) -> None:
    """Raise ValueError for a recorded value that the configuration would not be recorded with.

    Identities leave out what only concerns the machine. A record that holds such a setting all the
    same was not written by this package.
    """
    again = settings_of(config)
    for key, value in with_stable_names(known).items():
        if key not in _DIGESTS and not _is_within(value, again.get(key, dataclasses.MISSING)):
            raise ValueError(f"{key}: expected what a run records of it, this is something else")


def _is_within(recorded: Any, again: Any) -> bool:
    """Whether a value is recorded again as it is; settings that are younger may come on top."""
    if isinstance(recorded, Mapping):
        return isinstance(again, Mapping) and all(
            key in again and _is_within(value, again[key]) for key, value in recorded.items()
        )
    if isinstance(recorded, list):
        return isinstance(again, list) and recorded == again
    return bool(recorded == again)


def _require_plain(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"expected at most {_MOST_DEPTH} levels")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("expected names of settings")
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            _require_plain(inner, depth - 1)
    elif isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) >= _MOST_INTEGER:
            raise ValueError("expected finite numbers of at most 64 bits")
    elif not isinstance(value, str | None):
        raise TypeError(f"expected plain values, found {type(value).__name__}")


def _literal(value: Any, setting: str) -> Any:
    """Return a recorded value; ValueError where OmegaConf would not take it as it is."""
    if isinstance(value, Mapping):
        return {key: _literal(inner, f"{setting}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner, setting) for inner in value]
    if isinstance(value, str) and ("${" in value or value == "???"):
        raise ValueError(f"{setting}: expected a plain value, found {value[:40]!a}")
    return value


def _updated(value: Any, change: Any) -> Any:
    if not isinstance(value, Mapping) or not isinstance(change, Mapping):
        return change
    changed = {k: _updated(value[k], v) if k in value else v for k, v in change.items()}
    return {**value, **changed}


def _problems_of(text: str) -> Iterator[str]:
    """Yield what makes an override of a plan more than data."""
    if len(text) > _LONGEST_OVERRIDE or max(map(text.count, "[{(")) > _DEEPEST_OVERRIDE:
        yield f"of at most {_LONGEST_OVERRIDE:,} characters and {_DEEPEST_OVERRIDE} brackets"
        return
    try:
        override = OverridesParser.create().parse_override(text)
        value = override.value()
    except HydraException as error:
        yield f"in Hydra's grammar ({one_sentence(error)})"
        return
    key = override.key_or_group
    if (override.is_add() and key != "profile") or override.is_force_add() or override.is_delete():
        yield "of the configuration, none added or deleted but +profile=NAME"
    if not _is_data(value) or "${" in text:
        yield "with a number, a word, a quoted text, or lists or mappings of them, and no ${...}"
    if (override.package or key).partition(".")[0] != key.partition(".")[0]:
        yield "each in its own place"
    yield from _problems_of_key(override.package or key, value, is_choice="." not in key)


def _problems_of_key(key: str, value: Any, *, is_choice: bool) -> Iterator[str]:
    """Yield what makes a setting none that a plan may say."""
    first, role = key.partition(".")[0], role_of(key)
    if first not in _SETTINGS:
        yield "of python -m harness"
    elif role is Role.CONTENT:
        path = value.text if isinstance(value, QuotedString) else value
        if path is not None and not (isinstance(path, str) and _RELATIVE_PATH.fullmatch(path)):
            yield "and files below the folder in which the command runs, as relative paths"
    elif role in {Role.RUNTIME, Role.TRANSPORT} or first == "sandbox":
        yield "and none of this machine, of servers and of the sandbox: who runs it says those"
    elif any(part.startswith("_") for part in key.split(".")):
        yield "and no classes, which conf/ names"
    elif is_choice and not all(map(_WORD.fullmatch, _texts(value))):
        yield f"and one of the names in conf/{first}"
    if isinstance(value, Mapping):
        for inner, its in value.items():
            yield from _problems_of_key(f"{key}.{inner}", its, is_choice=False)


def _texts(value: Any) -> Iterator[str]:
    """Yield a text, or those of a list."""
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str | QuotedString):
        yield value.text if isinstance(value, QuotedString) else value


def _is_data(value: Any) -> bool:
    """Whether a parsed value is plain."""
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and _is_data(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(_is_data, value))
    return isinstance(value, int | float | str | QuotedString | None)
