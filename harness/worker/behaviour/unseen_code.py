"""Candidate code whose later behaviour a few optimizer steps cannot show.

A network may count its steps, branch on them, or do something else from the hundredth on. Two such
networks are taken for the same only where the code in question is the same, too. Code without
branches and without state of its own always does what it was seen to do. A door to torch.
"""

import dis
import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

_KEEPS = ("STORE_ATTR", "STORE_GLOBAL", "STORE_DEREF", "STORE_SUBSCR", "DELETE_ATTR")
"""Instructions that keep a value beyond the call."""
_BRANCHES = "_IF_"
"""Part of the name of each conditional jump."""
_HAS_DOCSTRING = getattr(inspect, "CO_HAS_DOCSTRING", None)
"""Flag of code whose first constant is a docstring, from Python 3.13 on."""
_TELLTALES = {"item", "tolist", "numpy", "int", "bool", "float", "round", "next", "append", "pop"}
"""Names by which code takes a number out of a tensor, or counts without an assignment."""
_BUILDERS = {"__init__", "__class__", "__new__", "type", "eval", "exec", "getattr", "globals"}
"""Names by which later code may run a constructor that it does not name."""
_PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset)
_INLINE = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


def unseen_code(
    network: nn.Module, optimizer: torch.optim.Optimizer, module: types.ModuleType
) -> Iterator[str]:
    """Yield text of all code whose behaviour may change later, and of the values it holds.

    Args:
        network: The candidate's network, built.
        optimizer: Its optimizer.
        module: The candidate's module.
    """
    parts = list(nn.Module.modules(network))
    for kind in dict.fromkeys(c for part in parts for c in _own_classes(part, module)):
        mine = [part for part in parts if isinstance(part, kind)]
        helpers = [helper for part in mine for helper in _helpers(part, module)]
        later = [*_later(kind), *helpers]
        codes = list(_codes(later, module))
        if any(map(_may_change, codes)):
            builds = any(not _BUILDERS.isdisjoint(code.co_names) for code in codes)
            yield from map(_text, _reached([kind, *later] if builds else later, module))
            yield from (repr(_value(vars(part))) for part in mine)
    yield from (str(part.code) for part in parts if isinstance(part, torch.jit.ScriptModule))
    parts_of_it = [getattr(module, "get_optimizer", None), *_own_classes(optimizer, module)]
    if any(code.co_name not in _INLINE for code in list(_codes(parts_of_it, module))[1:]):
        yield from map(_text, _reached(parts_of_it, module))
        yield repr(_value(vars(optimizer)))
    yield " ".join(c.__qualname__ for c in type(optimizer).__mro__ if not _is_own(c, module))


def _reached(start: Iterable[Any], module: types.ModuleType) -> Iterator[Any]:
    """Yield the candidate's code and plain values that some of its objects lead to.

    Args:
        start: Functions, classes, code or values.
        module: The candidate's module.
    """
    waiting, seen = list(start), dict[int, Any]()
    while waiting:
        value = waiting.pop(0)
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, types.CodeType):
            yield value
            waiting += [c for c in value.co_consts if isinstance(c, types.CodeType)]
            waiting += [vars(module)[name] for name in value.co_names if name in vars(module)]
        elif isinstance(value, types.FunctionType):
            waiting += [value.__code__, value.__defaults__, value.__kwdefaults__]
            waiting += [cell.cell_contents for cell in value.__closure__ or () if _is_full(cell)]
            waiting += [getattr(value, "__wrapped__", None)]  # torch wraps an optimizer's step
        elif isinstance(value, (staticmethod, classmethod, types.MethodType)):
            waiting.append(value.__func__)
        elif isinstance(value, property):
            waiting += [value.fget, value.fset]
        elif isinstance(value, type) and _is_own(value, module):
            waiting += _members(value)
        elif isinstance(value, _PLAIN):
            yield value


def _codes(start: Iterable[Any], module: types.ModuleType) -> Iterator[types.CodeType]:
    return (value for value in _reached(start, module) if isinstance(value, types.CodeType))


def _members(kind: type, *, but: str = "") -> list[Any]:
    """Return what a class defines, without what Python adds to each."""
    added = {"__module__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__"}
    return [value for name, value in vars(kind).items() if name not in {*added, but}]


def _later(kind: type) -> list[Any]:
    """Return what of a class may run after its constructor: methods, and functions made there."""
    constructor = getattr(vars(kind).get("__init__"), "__code__", None)
    made = constructor.co_consts if constructor else ()
    inner = [c for c in made if isinstance(c, types.CodeType) and c.co_name not in _INLINE]
    return [*_members(kind, but="__init__"), *inner]


def _helpers(part: nn.Module, module: types.ModuleType) -> list[Any]:
    """Return functions that a module holds, hooks too, and the classes of the candidate's own."""
    values = list(vars(part).values())
    inner = [v for held in values if isinstance(held, dict) for v in held.values()]
    inner += [v for held in values if isinstance(held, (list, tuple)) for v in held]
    held = [value for value in (*values, *inner) if not isinstance(value, nn.Module)]
    functions = [value for value in held if isinstance(value, types.FunctionType)]
    return [*functions, *(type(value) for value in held if _is_own(type(value), module))]


def _own_classes(instance: object, module: types.ModuleType) -> list[type]:
    return [c for c in type(instance).__mro__ if _is_own(c, module)]


def _is_own(value: Any, module: types.ModuleType) -> bool:
    return getattr(value, "__module__", None) == module.__name__


def _is_full(cell: types.CellType) -> bool:
    """Return whether a cell of a closure has got its value."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _may_change(code: types.CodeType) -> bool:
    """Return whether code branches, chooses by a tensor's value, or keeps something."""
    return not _TELLTALES.isdisjoint(code.co_names) or any(
        _BRANCHES in instruction.opname or instruction.opname in _KEEPS
        for instruction in dis.get_instructions(code)
    )


def _text(value: Any) -> str:
    """Return what code does, without names of local variables, docstrings and line numbers."""
    if not isinstance(value, types.CodeType):
        return repr(_value(value))
    constants = list(value.co_consts)
    documented = not value.co_name.startswith("<")
    if _HAS_DOCSTRING is not None:
        documented = bool(value.co_flags & _HAS_DOCSTRING)
    if documented and constants and isinstance(constants[0], str):
        constants[0] = None
    shape = (value.co_argcount, value.co_kwonlyargcount, value.co_nlocals, value.co_exceptiontable)
    return repr([value.co_code, value.co_names, _value(constants), shape])


def _value(value: Any) -> Any:
    """Return plain values as they are, containers by their content, others by their type."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return value
    if isinstance(value, (frozenset, set)):
        return sorted(repr(_value(item)) for item in value)
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return sorted(repr((_value(key), _value(item))) for key, item in value.items())
    if type(value).__module__ == "candidate" and not isinstance(value, nn.Module):
        return [type(value).__qualname__, _value(vars(value))]
    return type(value).__qualname__
