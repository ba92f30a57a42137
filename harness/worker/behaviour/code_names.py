"""Names in the compiled code of functions and classes: what may be looked up when they run."""

import dis
import inspect
import types
from collections.abc import Iterator
from typing import Any

_FIRST = {"__init__", "__new__", "get_optimizer"}
"""Names of functions that run before the first step alone."""


def mentioned(value: Any) -> set[str]:
    """Return the names in what runs of a function or class after everything was built."""
    members = vars(value) if isinstance(value, type) else {value.__name__: value}
    names: set[str] = set()
    for name, member in members.items():
        for code in codes(member):
            later = [code]
            if name in _FIRST:
                later = [c for c in code.co_consts if isinstance(c, types.CodeType)]
            names.update(*map(_names_in, later))
    return names


def codes(member: Any) -> Iterator[types.CodeType]:
    """Yield the code of a function, a method or the functions of a property."""
    parts = [getattr(member, "__func__", member)]
    if isinstance(member, property):
        parts = [member.fget, member.fset, member.fdel]
    for found in (inspect.unwrap(part) for part in parts if callable(part)):
        if isinstance(found, types.FunctionType):
            yield found.__code__


def is_of_self(
    one: dis.Instruction, previous: dis.Instruction | None, code: types.CodeType
) -> bool:
    """Return whether an instruction reads or writes an attribute of ``self``."""
    on_first = previous is not None and previous.opname == "LOAD_FAST" and not previous.arg
    is_method = "self" in code.co_varnames[:1]
    return on_first and is_method and one.opname in {"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"}


def used_elsewhere(code: types.CodeType) -> set[str]:
    """Return the names of attributes that code uses on other objects than ``self``, or spells."""
    steps = list(dis.get_instructions(code))
    names = {
        one.argval
        for previous, one in zip([None, *steps], steps, strict=False)
        if one.opcode in dis.hasname and not is_of_self(one, previous, code)
    }
    waiting = list(code.co_consts)
    for constant in waiting:  # grows
        if isinstance(constant, str):
            names.add(constant)
        elif isinstance(constant, (tuple, frozenset)):
            waiting.extend(constant)
        elif isinstance(constant, types.CodeType):
            names |= used_elsewhere(constant)
    return names


def _names_in(code: types.CodeType) -> set[str]:
    nested = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return {*code.co_names, *(name for inner in nested for name in _names_in(inner))}
