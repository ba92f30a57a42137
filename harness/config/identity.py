"""Which settings identify a run, name its folder, and must be equal within a comparison.

Every list is derived from the roles in ``config.schema``.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib.metadata import version
from typing import Any, get_type_hints

from harness.config.plugins import require_extra, third_party
from harness.config.schema import ARGUMENT_ROLES, GENERATIONAL, Config, Role
from harness.config.strategies import (
    TARGET,
    installed_strategies,
    stable_name,
    strategy_class,
    with_stable_names,
)

_NOT_IDENTITY = frozenset({Role.RUNTIME, Role.PART, Role.CONTENT, Role.WRITTEN})
PLANNABLE = frozenset({Role.SHARED, Role.ARM, Role.BUDGET, Role.PART, Role.DEVICE, Role.CONTENT})
"""Roles of the settings that a third-party plan may set."""
_DIGITS = 12
_FREE = frozenset({Role.RUNTIME, Role.DEVICE, Role.TRANSPORT})


def _role(f: "Field[Any]") -> Role:
    role: Role = f.metadata.get("role", Role.SHARED)
    return role


def role_of(setting: str) -> Role:
    """Return the role of a setting by its dotted name, such as ``model.base_url``.

    A setting within another has its own role, or else the role of the other.
    """
    schema: Any = Config
    role, within_model = Role.SHARED, False
    names = iter(setting.split("."))
    for name in names:
        if is_dataclass(schema):
            known = {f.name: f for f in fields(schema)}
            role = known[name].metadata.get("role", role) if name in known else role
            schema = get_type_hints(schema).get(name)
        else:
            role = ARGUMENT_ROLES.get(name, Role.GUARD if within_model else role)
        if role not in PLANNABLE:
            break
        within_model = within_model or name == "model"
        if name == "members":
            next(names, None)  # a name of the user's choice
    return role


@functools.cache
def parts() -> Mapping[str, str]:
    """Return the arguments of a proposer that are copies of settings: argument to setting."""
    found: dict[str, str] = {}
    for f in fields(Config):
        if _role(f) is Role.PART:
            schema = get_type_hints(Config)[f.name]
            inner = [one.name for one in fields(schema)] if is_dataclass(schema) else []
            found |= {f"{f.name}_{name}": f"{f.name}.{name}" for name in inner} or {f.name: f.name}
    return found


def is_free(override: str) -> bool:
    """Return whether a setting leaves a reproduction's result as it is.

    Args:
        override: A setting as it is typed, such as ``device=cuda``.
    """
    return role_of(override.lstrip("+~").partition("=")[0]) in _FREE


def settings_with(*roles: Role) -> frozenset[str]:
    """Return the top-level settings that have one of these roles."""
    return frozenset(f.name for f in fields(Config) if _role(f) in roles)


ARM_SETTINGS = settings_with(Role.ARM) | {"third_party"}
"""Settings in which the arms of one comparison may differ."""
BUDGET_SETTINGS = settings_with(Role.BUDGET) | {"prices", "training_price"}
"""The budget, and the prices that are recorded where it limits the cost."""


def identity(config: Config, *, data: str, network: str, study: str | None) -> dict[str, Any]:
    """Return everything that decides a run's outcome, and nothing else, as plain values.

    Args:
        config: Its settings.
        data: Digest of the data set.
        network: Digest of the seed network.
        study: Digest of the recorded study whose scores decide, if there is one.
    """
    strategies = (config.proposer, config.selection)
    return settings_of(config) | {
        "data": data,
        "network": network,
        "study": study,
        "version": version("guided-evolution"),
        "torch": version("torch"),
        "third_party": {k: v for s in strategies for k, v in _packages(s[TARGET]).items()},
    }


def _packages(target: str) -> dict[str, str]:
    """Return the packages, with their versions, that decide what a strategy does.

    Args:
        target: Import path of its class, which may list names of such packages as ``packages``.

    Raises:
        InputError: One of them is not installed.
    """
    found = third_party(target)
    path = installed_strategies().get(stable_name(target))
    for name in getattr(strategy_class(path), "packages", ()) if path else ():
        require_extra(name, target)
        found[name] = version(name)
    return found


def settings_of(config: Config) -> dict[str, Any]:
    """Return the settings of a run's identity as plain values, strategies by stable name."""
    known: dict[str, Any] = _identifying(config)
    if config.budget.cost is None:  # prices decide nothing but when this limit is reached
        del known["prices"], known["training_price"]
    # Runs without these settings keep the identity that they had before there were any.
    known = {k: v for k, v in known.items() if k != "training_price" or v is not None}
    if config.budget.seconds is None:
        del known["budget"]["seconds"]
    known = with_stable_names(known)
    if known["schedule"] == {TARGET: f"harness.{GENERATIONAL}"}:
        del known["schedule"]
    return known


def comparison_hash(known: Mapping[str, Any]) -> str:
    """Return the hash of what is equal between arms of one comparison with one budget."""
    return hash_of({k: v for k, v in known.items() if k not in ARM_SETTINGS | {"study"}})


def table_hash(known: Mapping[str, Any]) -> str:
    """Return the hash of what is equal in arms that stand in one table: all but their budgets."""
    return comparison_hash({k: v for k, v in known.items() if k not in BUDGET_SETTINGS})


def variant_hash(known: Mapping[str, Any]) -> str:
    """Return the hash of what is equal between the runs of one arm."""
    return hash_of({k: v for k, v in known.items() if k not in {"seed", "study"}})


def comparison_digest(known: Mapping[str, Any]) -> str:
    """Name what is equal between arms of one comparison with one budget."""
    return comparison_hash(known)[:_DIGITS]


def variant_digest(known: Mapping[str, Any]) -> str:
    """Name what is equal between the runs of one arm."""
    return variant_hash(known)[:_DIGITS]


def unrecorded_settings(schema: type = Config) -> dict[str, Any]:
    """Return the values that stand in for settings which a record leaves out."""
    found: dict[str, Any] = {}
    hints = get_type_hints(schema)
    for f in fields(schema):
        if (value := f.metadata.get("unrecorded")) is not None:
            found[f.name] = value
        elif f.default_factory is not MISSING and is_dataclass(hints[f.name]):
            found |= {f.name: inner} if (inner := unrecorded_settings(hints[f.name])) else {}
    return found


def hash_of(value: Any) -> str:
    """Return the SHA-256 of plain values, 64 hexadecimal digits: equal values alone have one."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def digest_of(value: Any) -> str:
    """Return the first 12 digits of ``hash_of``: a name to show.

    Two values of one digest are found in minutes, so it never decides whether values are equal.
    """
    return hash_of(value)[:_DIGITS]


def _identifying(value: Any, *, within_model: bool = False) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _identifying(getattr(value, f.name))
            for f in fields(value)
            if _role(f) not in _NOT_IDENTITY
        }
    if isinstance(value, Mapping):
        left_out = _NOT_IDENTITY | ({Role.TRANSPORT} if within_model else set())
        return {
            k: _identifying(v, within_model=within_model or k == "model")
            for k, v in value.items()
            if ARGUMENT_ROLES.get(k) not in left_out
        }
    if isinstance(value, list):
        return [_identifying(v, within_model=within_model) for v in value]
    return value
