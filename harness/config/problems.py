"""What no run can have, a sentence each, of a configuration or of what failed to compose.

A door to OmegaConf.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from operator import attrgetter
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import DictConfig
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from harness.config.bounded_yaml import load_yaml
from harness.config.paths import CONF
from harness.config.plugins import yaml_texts
from harness.config.schema import LEVELS, Config, is_full
from harness.config.tasks import KINDS, recipe_of
from harness.config.yaml_files import one_sentence
from harness.text import reason_of

CHOICES = {
    "device": ("auto", "cpu", "cuda"),
    "display": ("auto", "live", "plain"),
    "sandbox.level": LEVELS,
    "search.split": ("validation", "test"),
    "final.threshold": ("retrainings", "training"),
    "eot.shows": ("improvements", "improvements_and_ties", "dominating", "undominated"),
    "recipe.schedule": ("decay", "plateau"),
}

HYDRA = "hydra"
"""Section of Hydra's own settings."""
_NO_SETTINGS = frozenset({HYDRA, "_target_"})
"""Keys of sections that users do not set."""
_WORD = re.compile(r"\w+")
_IN_FILE = re.compile(r"In '([^']+)'")
"""What Hydra says first of an error in a YAML file."""
_LAUNCHERS = frozenset({"joblib", "submitit_local", "submitit_slurm"})
"""Launchers of the extra ``sweeps``."""
_NO_OPTION = re.compile(r"Could not find '([^']+)/([^'/]+)'")
"""What Hydra says of an unknown option, above a list of the options, one a line."""
_SEVERAL = re.compile(r"Ambiguous value for argument '([^'=]+)=")
"""What Hydra says of ``seed=0,1`` without ``--multirun``."""


def problems(config: Config) -> Iterator[str]:
    """Yield a sentence for each value that no run can have."""
    for name, choices in CHOICES.items():
        if (value := attrgetter(name)(config)) not in choices:
            yield f"{name}: expected one of {', '.join(choices)}, got {value}."
    yield from _empty_paths(config)
    yield from _misfits(config)
    yield from _unknown_to_tracking(config.tracking)
    if "model" in config.proposer:
        yield from _nameless(config.model)
    if config.recipe.schedule == "plateau" and not is_full(config.fidelity):
        yield (
            "fidelity=halving: expected a recipe that ends after recipe.epochs, "
            "recipe.schedule=plateau ends when the loss stops falling. Use fidelity=full, or "
            "recipe.schedule=decay with the number of epochs you want."
        )
    if config.search.split == "test" and not config.search.acknowledge_test_selection:
        yield (
            "search.split: expected validation: a search that is scored on the test split makes "
            "every test score of its run worthless. To demonstrate this, set "
            "search.acknowledge_test_selection=true."
        )


def _nameless(node: Mapping[str, Any], setting: str = "model") -> Iterator[str]:
    """Yield a sentence if the model, or a member of an ensemble, has an empty name."""
    if node.get("name") == "":
        variable = f"{str(node.get('server')).upper()}_MODEL"
        yield (
            f"{setting}.name: expected the model's name as its server knows it. Set "
            f"{setting}.name=NAME, or {variable} in the environment."
        )
    for name, member in node.get("members", {}).items():
        yield from _nameless(member["model"], f"{setting}.members.{name}.model")


def no_such_setting(
    name: str, known: Iterable[str], section: str = "", arms: Sequence[Config] = ()
) -> str:
    """Return a sentence on an unknown setting, with the known one that resembles it, or all.

    Args:
        name: Name of the setting.
        known: Names of the settings of the same section.
        section: The section that it was given in, such as ``budget.``.
        arms: The arms of the command; where they have different settings in the section, those of
            each are listed.
    """
    hint = _elsewhere(name) or _by_arm(section, arms) or _hint(name, list(known), section)
    return f"{section}{name}: there is no such setting. {hint}"


def _elsewhere(name: str) -> str:
    found = [one for one in _names(Config) if one.rpartition(".")[2] == name]
    return f"Did you mean {' or '.join(found)}?" if found else ""


def _by_arm(section: str, arms: Sequence[Config]) -> str:
    """Return a sentence on the settings of each arm in a section, nothing if all have the same."""
    by_arm = {arm.arm: ", ".join(_settings_in(section, arm)) or "none" for arm in arms}
    if len({*by_arm.values()}) <= 1:
        return ""
    listed = "; ".join(f"{arm} has {settings}" for arm, settings in by_arm.items())
    return f"Settings in {section[:-1]}: {listed}."


def _settings_in(section: str, arm: Config) -> Iterator[str]:
    node: Any = vars(arm)
    for part in section.split(".")[:-1]:
        node = node.get(part, {})
    return (one for one in node if one not in _NO_SETTINGS)


def open_section(error: Exception) -> str:
    """Return the section of an unknown setting, as ``proposer.``, where options decide what it has.

    Nothing if something else is wrong, or the settings of the section are fixed.
    """
    cause = _cause_of(error)
    if not isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return ""
    section, dot, _ = str(cause.full_key).rpartition(".")
    return "" if is_dataclass(cause.object_type) else section + dot


def _hint(name: str, known: list[str], section: str) -> str:
    if near := nearest(name, known):
        return f"Did you mean {section}{near}?"
    if options := list(_options_with(section.rstrip("."), name)):
        return f"Choose an option that has it: {', '.join(options)}."
    if name.isupper():
        return f"Variables of the environment stand before the command: {name}=VALUE python ..."
    listed = ", ".join(one for one in known if one not in _NO_SETTINGS)
    return f"Expected one of {listed}." if listed else f"{section[:-1]} has no settings of its own."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that resembles another most, "" if none does."""
    return next(iter(get_close_matches(name, list(known), n=1)), "")


def _names(schema: Any, section: str = "") -> Iterator[str]:
    """Yield the dotted name of each setting of the schema."""
    for name, hint in get_type_hints(schema).items():
        yield f"{section}{name}"
        if is_dataclass(hint):
            yield from _names(hint, f"{section}{name}.")


def _options_with(group: str, name: str) -> Iterator[str]:
    """Yield the options of a group whose YAML has a setting, as they are typed."""
    if is_dataclass(get_type_hints(Config).get(group)):
        return  # its settings are fixed, whatever the option
    if _WORD.fullmatch(group) and (CONF / group).is_dir():
        for file, text in yaml_texts(CONF / group):
            if name in (load_yaml(text, interpolates=True) or {}):
                yield f"{group}={file.name.removesuffix('.yaml')}"


def _cause_of(error: Exception) -> OmegaConfBaseException | None:
    causes = (error, error.__cause__, error.__context__)
    return next((one for one in causes if isinstance(one, OmegaConfBaseException)), None)


def reason(error: Exception, arms: Sequence[Config] = ()) -> str:
    """Return what OmegaConf or Hydra says of settings that do not fit, in one sentence.

    Args:
        error: What they raised.
        arms: The arms of the command without its settings in that section.
    """
    cause = _cause_of(error)
    if cause is not None and cause.full_key:
        file = _IN_FILE.match(str(error))
        return (f"{file[1]}: " if file else "") + _reason_of(cause, str(cause.full_key), arms)
    if found := _NO_OPTION.search(str(error)):
        group, name = found.groups()
        options = [line.strip() for line in str(error)[found.end() :].splitlines()]
        return no_such_option(group, name, filter(_WORD.fullmatch, options))
    if found := _SEVERAL.search(str(error)):
        return f"{found[1]}: expected one value, got several. Add -m to run a job for each of them."
    return one_sentence(error)


def _reason_of(cause: OmegaConfBaseException, setting: str, arms: Sequence[Config]) -> str:
    section, dot, name = setting.rpartition(".")
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        if is_dataclass(cause.object_type):
            return no_such_setting(name, get_type_hints(cause.object_type), section + dot)
        if isinstance(cause.parent_node, DictConfig):
            return no_such_setting(name, map(str, cause.parent_node), section + dot, arms)
    if isinstance(cause, MissingMandatoryValue):
        return f"{setting}: expected a value, it is missing."
    if wanted := _expected(setting):
        return f"{setting}: expected {wanted}, got {_typed_as(cause.value)}."
    why = str(cause.msg or cause).splitlines()[0].rstrip(".")
    return f"{setting}: expected a value that fits the setting: {why}."


def no_such_option(group: str, name: str, known: Iterable[str]) -> str:
    """Return a sentence on an unknown option of a group, with the known ones."""
    if group == "hydra/launcher" and name in _LAUNCHERS:
        return (
            f"{group}={name}: expected that launcher to be installed, it is not. Install it: "
            f"pip install 'guided-evolution[sweeps]'."
        )
    if group == "network" and name.endswith(".py"):
        return f"network={name}: expected an option, found a file. Use network.path={name}."
    known = list(known)
    near = f" Did you mean {near}?" if (near := nearest(name, known)) else ""
    inner = f", or {inner}" if (inner := _expected(group)).startswith("settings") else ""
    return (
        f"{group}={name}: there is no such option.{near} Expected one of {', '.join(known)}{inner}."
    )


_WORDS: Mapping[Any, str] = {
    int: "an integer", float: "a number", bool: "true or false", str: "text",
    list[str]: "a list such as [full,nas]",
}  # fmt: skip


def type_of(setting: str) -> Any:
    """Return the type of a setting of the schema by its dotted name, None where it has none."""
    found: Any = Config
    for name in setting.split("."):
        if get_origin(found) is dict:
            found = get_args(found)[1]
            continue
        if not is_dataclass(found):
            return None
        schemas = [recipe_of(kind) for kind in KINDS] if setting == f"recipe.{name}" else [found]
        found = next((h[name] for h in map(get_type_hints, schemas) if name in h), None)
    return found


def _expected(setting: str) -> str:
    """Return a description of the values that a setting may have, "" where it is not known."""
    hint = type_of(setting)
    optional = type(None) in get_args(hint)
    hint = (
        next((one for one in get_args(hint) if one is not type(None)), hint) if optional else hint
    )
    if is_dataclass(hint) or get_origin(hint) is dict:
        return f"settings by name, such as {setting}.NAME=VALUE"
    return _WORDS[hint] + (" or null" if optional else "") if hint in _WORDS else ""


def _typed_as(value: Any) -> str:
    """Return a value as a command line has it, strings in quotation marks."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return reason_of(repr(value), 80)


def _unknown_to_tracking(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each setting that no option of ``conf/tracking`` has."""
    options = (load_yaml(text, interpolates=True) for _, text in yaml_texts(CONF / "tracking"))
    known = [name for option in options for name in option]
    for name in node:
        if name not in known:
            yield no_such_setting(name, dict.fromkeys(known), "tracking.")


def _empty_paths(config: Config) -> Iterator[str]:
    """Yield a sentence for each path that is the empty text, as a variable that is not set gives.

    Such a path would mean the current folder.
    """
    paths = {"network.path": config.network.path, "study": config.study}
    if isinstance(config.task, Mapping):
        paths["task.path"] = config.task.get("path")
    for name, value in paths.items():
        if value == "":
            yield f"{name}: expected a path, found none after '='. Give one, or leave {name} out."


def _misfits(settings: Any, prefix: str = "") -> Iterator[str]:
    """Yield a sentence for each value out of range, and each unknown setting added with ``+``."""
    known = {f.name: f.metadata.get("within") for f in fields(settings)}
    for name, value in vars(settings).items():
        within = known.get(name)
        inner = value if isinstance(value, dict) else {"": value}
        if name not in known:
            yield no_such_setting(name, known, prefix)
        elif within and value is not None and (wanted := within.refusal(value)):
            yield f"{prefix}{name}: expected {wanted}, got {value}."
        for key, part in inner.items():
            if is_dataclass(part):
                yield from _misfits(part, f"{prefix}{name}.{key}".rstrip(".") + ".")
