"""Strategies: classes that a configuration names in ``_target_``, and how they are constructed.

A run's identity names a strategy by its package and its class, as ``harness.Digits`` and
``baselines.Ageing``, so that moving a module changes no identity. ``installed_strategies`` leads
from that name back to the import path that ``conf/`` or a third party's YAML uses.
"""

import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import PurePath
from typing import Any

from harness.config.arguments import (
    argument_types,
    inner_types,
    is_strategy,
    misfit,
    out_of_range,
)
from harness.config.bounded_yaml import load_yaml
from harness.config.moved import RECORDED, describe_moved, recorded_package
from harness.config.paths import CONF
from harness.config.plugins import third_party_arms, yaml_texts
from harness.config.problems import nearest
from harness.errors import InputError
from harness.text import TREES, reason_of

TARGET = "_target_"
_GLOBAL = "# @package _global_"
_HYDRA = "hydra"
"""Key of Hydra's own settings; the classes in them are not strategies."""
_SUPPLIED = frozenset({"chance"})
"""Arguments that are null in ``conf/``, since a run supplies them (``build``'s ``parts``)."""
_RENAMED: Mapping[str, str] = {}
"""Strategies recorded under a class name that has changed since: old stable name to new."""
_RENAMED_ARGUMENTS: Mapping[str, str] = {"accuracy_only": "score_only", "eot_strict": "eot_shows"}
"""Arguments recorded under a name that has changed since."""
_FORMER_FLAGS: Mapping[str, tuple[str, str]] = {"eot_shows": ("undominated", "dominating")}
"""Arguments that were recorded as false or true: the value of each today, by today's name."""


_DECLARED: Mapping[str, str] = {
    "labels": "Mapping[str, str], keys of Variation.detail and the column heading of each, such as "
    '{"direction": "direction of the change"}',
    "packages": 'Sequence[str], names of packages, such as ["optuna"]',
    "max_calls": "int | None, such as 0 for a proposer that asks no LLM",
    "max_tokens": "int | None, such as 4096",
}
"""Attributes that a proposer's class may declare, and the type of each."""


def strategy_class(target: str) -> type[Any]:
    """Return the class at an import path; InputError where there is none."""
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"{TARGET}: expected the import path of a class, {target} cannot be imported ({error})."
            f" {describe_moved(error)}".rstrip()
        ) from None
    if not inspect.isclass(found):
        raise InputError(f"{TARGET}: expected the import path of a class, {target} is none.")
    return found


def build(node: Mapping[str, Any], **parts: Any) -> Any:
    """Construct the strategy that a node describes.

    A nested strategy is constructed only for an argument annotated with a class or protocol.

    Args:
        node: Plain values, with the class in ``_target_``.
        parts: Arguments that replace those of the node, as far as its constructor takes them.

    Raises:
        InputError: The constructor does not accept an argument, or raised an error.
    """
    constructor = strategy_class(node[TARGET])
    hints = argument_types(constructor)
    parameters = _parameters(constructor)
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    given = {k: _built(v, hints.get(k)) for k, v in node.items() if k != TARGET and k not in parts}
    for key in given:
        if not takes_all and key not in parameters:
            raise InputError(f"{key}: {node[TARGET]} has no such argument.")
    given |= {k: v for k, v in parts.items() if takes_all or k in parameters}
    try:
        return constructor(**given)
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise InputError(
            f"expected valid arguments for {node[TARGET]}, its constructor raised "
            f"{reason_of(repr(error))}."
        ) from error


def _built(value: Any, hint: Any) -> Any:
    """Copy an argument; construct the strategies in it that its annotation allows."""
    if isinstance(value, Mapping):
        if TARGET not in value:
            inner = inner_types(hint, value)
            return {k: _built(v, inner.get(k)) for k, v in value.items()}
        if not is_strategy(hint):
            raise InputError(
                f"{TARGET}: expected plain values, found the strategy {value[TARGET]}."
            )
        return build(value)
    if isinstance(value, list):
        inner = inner_types(hint, range(len(value)))
        return [_built(v, inner.get(k)) for k, v in enumerate(value)]
    return value


def check_arguments(name: str, node: Any) -> None:
    """Raise InputError unless a strategy's class accepts its arguments.

    Args:
        name: Name of the setting, for messages.
        node: The strategy's class and arguments, as plain values.
    """
    if not isinstance(node, Mapping) or not isinstance(node.get(TARGET), str):
        raise InputError(f"{name}: expected an arm that sets {name}._target_, this one does not.")
    constructor = strategy_class(node[TARGET])
    known, hints = set(_parameters(constructor)), argument_types(constructor)
    for key in sorted(known & set(node)):
        if node[key] is None and key in _SUPPLIED:
            continue
        if wanted := misfit(node[key], hints.get(key)):
            got = reason_of(str(node[key]), 80)
            raise InputError(f"{name}.{key}: expected a value of type {wanted}, got {got}.")
    if unknown := sorted(set(node) - known - {TARGET}):
        near = nearest(unknown[0], known)
        raise InputError(
            f"{name}.{unknown[0]}: expected an argument of {node[TARGET]}, which takes "
            f"{', '.join(sorted(known)) or 'none'}. "
            + (f"Did you mean {name}.{near}? " if near else "")
            + f"An ablation fits only a {name} that has the part it removes."
        )
    if name == "proposer":
        check_declared(constructor)
    if stable_name(node[TARGET]).partition(".")[0] in RECORDED:  # so that its names are ours
        for refusal in out_of_range(name, {k: v for k, v in node.items() if k != "model"}):
            raise InputError(refusal)


def check_declared(proposer: type[Any]) -> None:
    """Raise InputError for an attribute that a proposer's class declares with another type."""
    for name, wanted in _DECLARED.items():
        value = getattr(proposer, name, None)
        if value is not None and not _is_as_declared(name, value):
            raise InputError(
                f"{proposer.__module__}.{proposer.__qualname__}.{name}: expected {wanted}; found "
                f"{reason_of(repr(value), 80)}."
            )


def _is_as_declared(name: str, value: Any) -> bool:
    if name == "labels":
        texts = [*value, *value.values()] if isinstance(value, Mapping) else [None]
    elif name == "packages":
        texts = list(value) if isinstance(value, list | tuple) else [None]
    else:  # an instance may know it, by a property
        return type(value) is int or hasattr(type(value), "__get__")
    return all(isinstance(text, str) for text in texts)


def _parameters(constructor: type[Any]) -> Mapping[str, inspect.Parameter]:
    with TREES:
        return inspect.signature(constructor).parameters


def missing_arguments(node: Mapping[str, Any]) -> list[str]:
    """Return the arguments without default that a node does not set."""
    parameters = _parameters(strategy_class(node[TARGET]))
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in node
    ]


def stable_name(target: str) -> str:
    """Return the name of a strategy that survives moving its module: ``harness.Digits``."""
    name = f"{recorded_package(target)}.{target.rpartition('.')[2]}"
    return _RENAMED.get(name, name)


def with_stable_names(value: Any) -> Any:
    """Copy nested plain values, each strategy with its stable name and today's arguments."""
    if isinstance(value, Mapping):
        today = {_RENAMED_ARGUMENTS.get(k, k): v for k, v in value.items()}
        known = {
            k: _FORMER_FLAGS[k][v] if k in _FORMER_FLAGS and isinstance(v, bool) else v
            for k, v in today.items()
        }
        return {
            k: stable_name(v) if k == TARGET and isinstance(v, str) else with_stable_names(v)
            for k, v in known.items()
        }
    return [with_stable_names(v) for v in value] if isinstance(value, list | tuple) else value


def with_import_paths(value: Any, setting: str) -> Any:
    """Copy nested plain values with every stable name replaced by its import path.

    Args:
        value: The values.
        setting: Name of the setting that they belong to.

    Raises:
        InputError: Neither ``conf/`` nor an installed third-party arm uses the class for this
            setting, or a key is an instruction to Hydra.
    """
    if isinstance(value, Mapping):
        for key in value:
            if key.startswith("_") and key != TARGET:
                raise InputError(
                    f"{setting}.{key}: expected no key that begins with _, except {TARGET}."
                )
        return {
            k: _import_path(v, setting) if k == TARGET else with_import_paths(v, k)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [with_import_paths(v, setting) for v in value]
    return value


@functools.cache
def installed_strategies() -> Mapping[str, str]:
    """Return the import path of every strategy that ``conf/`` or a third-party arm uses."""
    return {stable_name(target): target for _, target in _installed()}


@functools.cache
def _installed() -> tuple[tuple[str, str], ...]:
    """Return every strategy in YAML as a pair of its setting and its import path, ours last.

    Where two have one stable name, the last one counts.
    """
    folders = [*(resources.files(module) / "conf" for _, module in third_party_arms()), CONF]
    found: list[tuple[str, str]] = []
    for folder in folders:
        for file, text in yaml_texts(folder):
            group = "" if text.startswith(_GLOBAL) else PurePath(str(file)).parent.name
            found += _named(load_yaml(text, interpolates=True), group)
    return tuple(found)


def _named(value: Any, setting: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == TARGET and isinstance(inner, str):
                yield setting, inner
            elif key != _HYDRA:
                yield from _named(inner, str(key))


def _import_path(name: Any, setting: str) -> str:
    known = {stable_name(target): target for key, target in _installed() if key == setting}
    if not isinstance(name, str) or stable_name(name) not in known:
        raise InputError(
            f"expected a run made of strategies of this package, or of an installed package that "
            f"registers arms; found {reason_of(str(name), 80)} as {setting}. Install the "
            f"package that provides it, or do not replay the run."
        )
    return known[stable_name(name)]
