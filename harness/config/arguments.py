"""Check plain values against the annotations of a constructor."""

import inspect
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

_PLAIN: Mapping[Any, tuple[type, ...]] = {
    int: (int,), float: (int, float), str: (str,), bool: (bool,), type(None): (type(None),),
}  # fmt: skip
"""Annotations of plain values, and the types that each accepts; a bool is not a number."""


def argument_types(constructor: type[Any]) -> dict[str, Any]:
    """Return the annotations of a constructor's arguments by name, {} if unresolvable."""
    try:
        return get_type_hints(constructor.__init__)
    except (NameError, TypeError):  # imported only for type checking, or not a type
        return {}


def is_strategy(hint: Any) -> bool:
    """Return whether an annotation allows an object to be constructed, such as a protocol."""
    return any(
        inspect.isclass(one) and one.__module__ != "builtins" and not is_typeddict(one)
        for one in _alternatives(hint)
        if get_origin(one) is None
    )


def inner_types(hint: Any, keys: Iterable[Any]) -> dict[Any, Any]:
    """Return the annotation of each item of a container, by key or index."""
    for one in _alternatives(hint):
        if is_typeddict(one):
            return get_type_hints(one)
        if get_args(one) and get_origin(one) is not tuple:
            return dict.fromkeys(keys, get_args(one)[-1])
    return {}


def misfit(value: Any, hint: Any) -> str:
    """Return the name of the expected type if a plain value does not match it, otherwise "".

    Any value matches if the argument has no annotation.
    """
    if _fits(value, hint):
        return ""
    return str(hint) if get_args(hint) else str(getattr(hint, "__name__", hint))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    if hint is None or hint is Any:
        return True
    return any(_fits_one(value, one) for one in _alternatives(hint))


def _fits_one(value: Any, hint: Any) -> bool:
    if hint in _PLAIN:
        return type(value) in _PLAIN[hint]
    origin = get_origin(hint) or hint
    if is_typeddict(origin) or (inspect.isclass(origin) and issubclass(origin, Mapping)):
        inner = inner_types(hint, value) if isinstance(value, Mapping) else {}
        return isinstance(value, Mapping) and all(_fits(v, inner.get(k)) for k, v in value.items())
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        inner = inner_types(hint, range(len(value))) if isinstance(value, list) else {}
        return isinstance(value, list) and all(_fits(v, inner.get(k)) for k, v in enumerate(value))
    return isinstance(value, Mapping) if is_strategy(hint) else True
