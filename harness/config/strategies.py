"""Strategies: classes that a configuration names in ``_target_``, and how they are constructed.

A run's identity names a strategy by its top-level package and its class, as ``harness.Digits``, so
that moving a module changes no identity. ``installed_strategies`` leads from that name back to the
import path that ``conf/`` or a third party's YAML uses.
"""

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from harness.config.moved import describe_moved
from harness.config.paths import CONF
from harness.config.plugins import third_party_arms
from harness.errors import InputError

TARGET = "_target_"
_TARGET_LINE = re.compile(rf"^\s*{TARGET}:\s*([\w.]+)", re.MULTILINE)
_RENAMED: Mapping[str, str] = {}
"""Strategies recorded under a class name that has changed since: old stable name to new."""
_RENAMED_ARGUMENTS: Mapping[str, str] = {"accuracy_only": "score_only"}
"""Arguments recorded under a name that has changed since."""


def strategy_class(target: str) -> Callable[..., Any]:
    """Return the class at an import path; InputError where there is none."""
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"{TARGET}: expected the import path of a class, {target} cannot be imported ({error})."
            f" {describe_moved(error)}".rstrip()
        ) from None
    if not callable(found):
        raise InputError(f"{TARGET}: expected the import path of a class, {target} is none.")
    return found  # type: ignore[no-any-return]


def build(node: Any, **parts: Any) -> Any:
    """Construct the object that a node describes, nested nodes included.

    Args:
        node: Plain values; a mapping with ``_target_`` is an object to construct.
        parts: Arguments that replace those of the node, as far as its constructor takes them.
    """
    if isinstance(node, list):
        return [build(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    arguments = {k: build(v) for k, v in node.items() if k != TARGET and k not in parts}
    if TARGET not in node:
        return arguments | parts
    constructor = strategy_class(node[TARGET])
    parameters = inspect.signature(constructor).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return constructor(
        **arguments, **{k: v for k, v in parts.items() if takes_all or k in parameters}
    )


def missing_arguments(node: Mapping[str, Any]) -> list[str]:
    """Return the arguments without default that a node does not set."""
    parameters = inspect.signature(strategy_class(node[TARGET])).parameters
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in node
    ]


def stable_name(target: str) -> str:
    """Return the name of a strategy that survives moving its module: ``harness.Digits``."""
    package, _, rest = target.partition(".")
    name = f"{package}.{rest.rpartition('.')[2]}"
    return _RENAMED.get(name, name)


def with_stable_names(value: Any) -> Any:
    """Copy nested plain values, each strategy with its stable name and today's arguments."""
    if isinstance(value, Mapping):
        known = {_RENAMED_ARGUMENTS.get(k, k): v for k, v in value.items()}
        return {
            k: stable_name(v) if k == TARGET and isinstance(v, str) else with_stable_names(v)
            for k, v in known.items()
        }
    return [with_stable_names(v) for v in value] if isinstance(value, list | tuple) else value


def with_import_paths(value: Any) -> Any:
    """Copy nested plain values with every stable name replaced by its import path.

    Raises:
        InputError: A name is no strategy of ``conf/`` or of an installed third-party arm.
    """
    if isinstance(value, Mapping):
        return {
            k: _import_path(str(v)) if k == TARGET else with_import_paths(v)
            for k, v in value.items()
        }
    return [with_import_paths(v) for v in value] if isinstance(value, list | tuple) else value


@functools.cache
def installed_strategies() -> Mapping[str, str]:
    """Return the import path of every strategy that ``conf/`` or a third-party arm uses."""
    folders = [CONF, *(resources.files(module) / "conf" for _, module in third_party_arms())]
    texts = (text for folder in folders for text in _yaml_texts(folder))
    return {stable_name(t): t for text in texts for t in _TARGET_LINE.findall(text)}


def _import_path(name: str) -> str:
    known = installed_strategies()
    if stable_name(name) not in known:
        raise InputError(
            f"expected a run made of strategies of this package, or of an installed package that "
            f"registers arms; it names {name}. Install the package that brings it, or do not "
            f"replay the run."
        )
    return known[stable_name(name)]


def _yaml_texts(folder: Traversable) -> Iterator[str]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _yaml_texts(entry)
        elif entry.name.endswith(".yaml"):
            yield entry.read_text(encoding="utf-8")
