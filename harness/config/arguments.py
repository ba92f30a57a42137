"""Check plain values against the annotations of a constructor, and numbers against their ranges."""

import inspect
import math
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

_MOST = 2**63 - 1
"""Largest number that a record may hold."""


@dataclass(frozen=True)
class Range:
    """Allowed range of a number, inclusive.

    Attributes:
        least: Smallest allowed value.
        most: Largest allowed value.
        words: Description of the range for messages, such as ``a share from 0 to 1``.
    """

    least: float
    most: float
    words: str

    def refusal(self, value: float) -> str:
        """Return what was expected where a number is out of range, otherwise ""."""
        if not abs(value) <= _MOST:  # neither is nan
            return "a finite number of at most 64 bits"
        return "" if self.least <= value <= self.most else self.words


SHARE = Range(0, 1, "a share from 0 to 1")
POSITIVE = Range(math.ulp(0), _MOST, "a number above 0")
AT_LEAST_0 = Range(0, _MOST, "a number of at least 0")
AT_LEAST_1 = Range(1, _MOST, "a number of at least 1")
UP_TO_1000 = Range(1, 1_000, "a number from 1 to 1,000")
ARGUMENT_RANGES: Mapping[str, Range] = {
    "timeout_s": POSITIVE,
    **dict.fromkeys(("backoff_s", "backoff_max_s", "patience_s", "settle_s"), AT_LEAST_0),
    **dict.fromkeys(("finish_s", "split_seed"), AT_LEAST_0),
    **dict.fromkeys(("attempts", "concurrency", "size"), AT_LEAST_1),
    **dict.fromkeys(("validation_share", "eot_probability"), SHARE),
    "eot_from_generation": AT_LEAST_1,
}
"""Ranges of numbers among the arguments of our own strategies, by name, unless their constructors
check them."""

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


def out_of_range(name: str, value: Any) -> Iterator[str]:
    """Yield a sentence for each number of a strategy's arguments that is out of range.

    Args:
        name: Dotted name of the setting.
        value: Its plain value.
    """
    last = name.rpartition(".")[2]
    within = ARGUMENT_RANGES.get(last)
    if isinstance(value, Mapping) and last != "extra":  # whatever a server accepts
        for key, inner in value.items():
            yield from out_of_range(f"{name}.{key}", inner)
    elif isinstance(value, int | float) and within and (wanted := within.refusal(value)):
        yield f"{name}: expected {wanted}, got {value}."
