"""What is not a candidate's own: torch, the standard library, and what a candidate left in them.

Code and values of others are the same for every candidate, so their names stand for them. That
holds where they keep no state and the candidate did not change them. The lists here are of what is
known to be so; for the rest there is no digest. A door to torch.
"""

import builtins
import sys
import types
from typing import Any

import torch
from torch.nn.modules import module as nn_module
from torch.optim import Optimizer

from harness.worker.graph import GraphError

_STATELESS = {
    "torch", "math", "functools", "itertools", "collections", "copy", "contextlib", "typing",
    "abc", "warnings", "builtins", "",
}  # fmt: skip
"""Packages whose functions depend on their arguments alone, or on the random state of torch. Some
functions written in C name no package; those of the packages above are among them."""
_BY_NAME = ("torch.nn", "torch.autograd", "torch.optim", "torch._C", "torch._tensor")
"""Modules of torch, with those below them, that reach no part of a network but by its name."""
_HARMLESS = {
    "abs", "all", "any", "ascii", "bin", "callable", "chr", "divmod", "format", "hasattr", "hex",
    "isinstance", "issubclass", "iter", "len", "max", "min", "next", "oct", "ord", "pow", "print",
    "repr", "round", "sorted", "sum",
}  # fmt: skip
"""Built-in functions that depend on their arguments alone and look no attribute up by its name."""
_BY_COMPUTED_NAME = {"getattr", "setattr", "delattr", "vars", "dir"}


class _Empty:
    """Its instances hold nothing but their attributes."""


def name_of(value: Any) -> str:
    """Return the full name of a module, class or function."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{home_of(value)}.{name}"


def home_of(value: Any) -> str:
    """Return the module that a module, class or function names as its own; or nothing."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    return getattr(value, "__module__", None) or ""


def require_stateless(value: Any) -> None:
    """Require that a module, class or function of others gives what its arguments determine.

    Raises:
        GraphError: It is not known to.
    """
    home, name = home_of(value), getattr(value, "__name__", "")
    is_builtin = home == "builtins" and isinstance(value, types.BuiltinFunctionType)
    known = is_builtin and name in _HARMLESS | _BY_COMPUTED_NAME
    if not known and (is_builtin or home.partition(".")[0] not in _STATELESS):
        raise GraphError(f"uses {name_of(value)}, whose later results cannot be told")


def reaches_by_name(value: Any) -> bool:
    """Return whether a module, class or function of others reaches attributes by name alone."""
    home = home_of(value)
    if home == "builtins":
        return getattr(value, "__name__", "") not in _BY_COMPUTED_NAME
    return home.partition(".")[0] != "torch" or home == "torch" or home.startswith(_BY_NAME)


def require_unchanged(owner: str) -> None:
    """Require that no code of the candidate is held by torch or another package.

    Args:
        owner: Name of the candidate's module.

    Raises:
        GraphError: A package holds a hook, a mode, or an attribute of the candidate's own.
    """
    modes = torch._C._len_torch_function_stack() + torch._C._len_torch_dispatch_stack()  # noqa: SLF001 - no public name
    for where in (nn_module, sys.modules[Optimizer.__module__]):
        hooks = {k for k, v in vars(where).items() if k.startswith("_global_") and v}
        if modes or any(isinstance(vars(where)[name], dict) for name in hooks):
            raise GraphError("changes what torch does for every network")
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _STATELESS:
            for key, value in list(vars(module).items()):
                inner = list(vars(value).values()) if issubclass(type(value), type) else []
                if any(_is_of(owner, one) for one in (value, *inner)):
                    raise GraphError(f"changes {name}.{key}")


def _is_of(owner: str, value: Any) -> bool:
    kind = type(value)  # a value may run code when asked for its class
    code = kind is types.FunctionType or issubclass(kind, type)
    made_in = value.__globals__.get("__name__") if kind is types.FunctionType else None
    return owner in {made_in, getattr(value if code else kind, "__module__", None)}


def builtin(name: str) -> Any:
    """Return the built-in function or class of a name; nothing where there is none."""
    return vars(builtins).get(name)


def is_readable(value: Any, base: type, *, is_own: bool) -> bool:
    """Return whether the attributes of an instance, and its class, tell all that it does."""
    if isinstance(value, torch.jit.ScriptModule) or not _holds_attributes_alone(type(value)):
        return False
    return base.__module__.startswith("torch.") or (is_own and base is object)


def _holds_attributes_alone(kind: type) -> bool:
    """Return whether instances have no slots, and nothing that only code in C reaches."""
    has_both = kind.__dictoffset__ and kind.__weakrefoffset__
    return bool(has_both) and kind.__basicsize__ == _Empty.__basicsize__ and not kind.__itemsize__
