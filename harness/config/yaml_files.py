"""Untrusted YAML files with a schema, such as those of a reproduction.

A door to OmegaConf.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from harness.config.arguments import misfit
from harness.config.bounded_yaml import MOST_BYTES, load_yaml
from harness.errors import InputError
from harness.files import read_regular
from harness.text import reason_of


def read_yaml(schema: Any, path: Path) -> Any:
    """Return a YAML file as an object of a schema's class.

    Raises:
        InputError: The file cannot be read or does not fit; the message is one sentence.
    """
    try:
        read = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), _loaded(path)))
        _require_types(read, schema)
    except ConfigKeyError as error:
        kind = cast("Any", error.object_type).__name__.removesuffix("Entry").lower()
        where = ".".join(str(error.full_key).split(".")[:-1]) or f"in a {kind}"
        known = ", ".join(f.name for f in dataclasses.fields(cast("Any", error.object_type)))
        raise InputError(f"{path}: {where}: expected {known}, got {error.key}.") from None
    except MissingMandatoryValue as error:
        raise InputError(f"{path}: expected {error.full_key}, it is missing.") from None
    except OmegaConfBaseException as error:
        reason = str(error.msg or error).splitlines()[0].rstrip(".")
        if "is not a ListConfig" in reason:
            reason = "expected a list, such as [0, 1], got a single value"
        raise InputError(f"{path}: {error.full_key or 'as a whole'}: {reason}.") from None
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InputError(f"{path}: {one_sentence(error)}") from None
    else:
        return read


def _loaded(path: Path) -> Any:
    try:
        text = read_regular(path, MOST_BYTES).decode("utf-8")
        return _settings(load_yaml(text) or {})
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be read ({error.strerror}).") from None
    except YAMLError as error:
        raise InputError(f"{path}: expected YAML ({one_sentence(error)}).") from None
    except ValueError as error:
        raise InputError(f"{path}: {one_sentence(error)}.") from None


def _require_types(value: Any, hint: Any, setting: str = "") -> None:
    """Raise ValueError for a mapping or list as an item of plain values, as OmegaConf allows."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping | list):
        items = list(value.items() if isinstance(value, Mapping) else enumerate(value))
    if dataclasses.is_dataclass(value):
        for name, inner in get_type_hints(type(value)).items():
            _require_types(getattr(value, name), inner, f"{setting}.{name}".lstrip("."))
    elif any(dataclasses.is_dataclass(item) for _, item in items):
        for name, item in items:
            _require_types(item, None, f"{setting}.{name}")
    elif hint is not Any and (wanted := misfit(value, hint)):
        raise ValueError(f"{setting}: expected {wanted}, got {reason_of(str(value), 80)}.")


def _settings(values: Any) -> Any:
    if not isinstance(values, Mapping):  # OmegaConf would parse a text as YAML, without limits
        raise ValueError("expected settings by name")  # noqa: TRY004 - a value in a file
    return OmegaConf.create(literal(values))


def literal(value: Any, setting: str = "") -> Any:
    """Copy nested plain values; ValueError if OmegaConf would interpret any text in them.

    Args:
        value: The values.
        setting: Name of the setting that they belong to, for the message.
    """
    if isinstance(value, Mapping):
        return {k: literal(inner, f"{setting}.{k}".lstrip(".")) for k, inner in value.items()}
    if isinstance(value, list):
        return [literal(inner, setting) for inner in value]
    if isinstance(value, str) and (not is_literal(value) or value == "???"):
        raise ValueError(f"{setting}: expected a plain value, found {value[:40]!a}")
    return value


def is_literal(text: str) -> bool:
    """Return whether OmegaConf would resolve nothing in a text."""
    return "${" not in text


def one_sentence(error: Exception) -> str:
    """Return an error message of a library in one line, without its search path."""
    message = str(error).split("Config search path:")[0]
    lines = (line.strip() for line in message.splitlines())
    kept = (line for line in lines if line and not line.startswith(("object_type", "See https")))
    return "; ".join(kept).replace(":; ", ": ")
