"""Everything of a candidate that may run after the few optimizer steps that are observed.

A network may count its steps, branch on them, or do something else from the hundredth on. So two
networks are taken for the same only if all that is reachable from the network and its optimizer is
the same: modules, values, hooks, and the code of methods and functions. Names, comments, and code
that nothing reachable runs do not count; constructors count only where reachable code may run them.
A value whose later behaviour cannot be read, such as an iterator, has no text. A door to torch.
"""

import dis
import functools
import hashlib
import types
import weakref
from collections import deque
from typing import Any

import torch
from torch import nn

from harness.worker.behaviour.code_names import codes, is_of_self, mentioned, used_elsewhere
from harness.worker.graph import GraphError

_PLAIN = (
    bool, int, float, complex, str, bytes, range, type(None), type(Ellipsis),
    torch.dtype, torch.layout, torch.memory_format, torch.device,
)  # fmt: skip
_BUILDERS = {"__init__", "__class__", "__new__", "type", "eval", "exec", "globals"}
"""Names by which later code may run a constructor that it does not name."""
_ENUMERATES = {
    "_modules", "__dict__", "apply", "children", "eval", "exec", "get_submodule", "getattr",
    "modules", "named_children", "named_modules", "vars",
}  # fmt: skip
"""Names by which code may run a submodule that it does not name."""
_ADDED = {
    "__module__", "__doc__", "__qualname__", "__dict__", "__weakref__", "__annotations__",
    "__firstlineno__", "__static_attributes__",
}  # fmt: skip
"""What Python adds to a class."""
_PARTS = ("_modules", "_parameters", "_buffers")
_CONSTANTS = {*dis.hasconst, dis.opmap.get("KW_NAMES")}
_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
_FUNCTIONS = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)


def unseen_code(
    network: nn.Module, optimizer: torch.optim.Optimizer, module: types.ModuleType
) -> str:
    """Return the text of all that may act later.

    Args:
        network: The candidate's network, built.
        optimizer: Its optimizer.
        module: The candidate's module.

    Raises:
        GraphError: The network or its optimizer holds a value that has no text.
    """
    built = {type(part) for part in nn.Module.modules(network)}
    return repr(_Writer(module, built).text([network, optimizer]))


class _Writer:
    """Writes each object once, and refers to it by number from then on."""

    def __init__(self, module: types.ModuleType, built: set[type]) -> None:
        self._module = module
        self._seen: dict[int, tuple[int, Any]] = {}
        """Number of each object written, by identity; and the object, to keep it alive."""
        self._hooks: dict[int, int] = {}
        self._classes: dict[tuple[type, type], int] = {}
        self._names: dict[type, dict[str, int]] = {}
        """Numbers of the attributes of each class of the candidate's own."""
        self._mentioned = self._names_that_run(built)
        self._elsewhere = self._names_used_elsewhere()

    def _names_that_run(self, built: set[type]) -> set[str]:
        """Return the names in all code that may run later; not in that of modules never built."""
        own = {k: v for k, v in vars(self._module).items() if self._is_own(v)}
        bases = {c for kind in built for c in kind.__mro__}
        waiting = {k: v for k, v in own.items() if isinstance(v, (type, types.FunctionType))}
        names: set[str] = set()
        while found := [
            k for k, v in waiting.items()
            if k in names or v in bases or not (isinstance(v, type) and issubclass(v, nn.Module))
        ]:  # fmt: skip
            names.update(*(mentioned(waiting.pop(name)) for name in found))
        return names

    def _names_used_elsewhere(self) -> set[str]:
        """Return attributes that keep their names: code finds them by name on other objects."""
        names: set[str] = set()
        for value in vars(self._module).values():
            members = vars(value).values() if isinstance(value, type) else [value]
            for member in members if self._is_own(value) else ():
                names.update(*map(used_elsewhere, codes(member)))
        return names

    def text(self, value: Any) -> Any:
        """Return a value as nested lists of plain values."""
        if type(value) in _PLAIN:
            return value
        if type(value) in {tuple, torch.Size}:
            return [type(value).__name__, *map(self.text, value)]
        if id(value) in self._seen:
            return ["again", self._seen[id(value)][0]]
        self._seen[id(value)] = len(self._seen), value
        if type(value) is list:
            return ["list", *map(self.text, value)]
        return self._container(value) or self._callable(value) or self._instance(value)

    def _container(self, value: Any) -> list[Any]:
        """Return the text of a container or tensor; nothing for other values."""
        if type(value) in {set, frozenset}:
            return ["set", *sorted(repr(self.text(item)) for item in value)]
        if type(value) is deque:
            return ["deque", value.maxlen, *map(self.text, value)]
        if isinstance(value, weakref.ref):
            return ["weak", self.text(value())]
        if isinstance(value, dict) and not self._is_own(type(value)):
            default = self.text(getattr(value, "default_factory", None))
            return ["dict", default, *([self.text(k), self.text(v)] for k, v in value.items())]
        if isinstance(value, torch.Tensor) and not self._is_own(type(value)):
            return ["tensor", *self._tensor(value)]
        return []

    def _callable(self, value: Any) -> list[Any]:
        """Return the text of what can be called; nothing for other values."""
        if isinstance(value, types.FunctionType):
            own = self._is_own(value)
            return self._function(value, None) if own else [_name(value), *self._wrapped(value)]
        if isinstance(value, (types.MethodType, functools.partial)):
            bound = isinstance(value, types.MethodType)
            names = ("__self__", "__func__") if bound else ("func", "args", "keywords")
            return [type(value).__name__, *(self.text(getattr(value, name)) for name in names)]
        if isinstance(value, type):
            return self._class(value, None) if self._is_own(value) else [_name(value)]
        if isinstance(value, (types.ModuleType, *_FUNCTIONS, torch._ops.OpOverloadPacket)):  # noqa: SLF001 - no public name
            return [type(value).__name__, _name(value)]
        return []

    def _instance(self, value: Any) -> list[Any]:
        """Return the text of an instance: its attributes, and its class."""
        kind = type(value)
        own = [c for c in kind.__mro__ if self._is_own(c)]
        bases = [c for c in kind.__mro__ if not self._is_own(c)]
        if not _is_readable(value, bases[0], is_own=bool(own)):
            raise GraphError(f"holds a {kind.__qualname__}, whose later values cannot be told")
        names = self._names_of(kind, bases[0], vars(value)) if own else {}
        hides = bool(own) and bases[0] is nn.Module and self._mentioned.isdisjoint(_ENUMERATES)
        text: list[Any] = []
        for name, held in vars(value).items():
            if name in _PARTS and isinstance(value, nn.Module):
                shown = [key for key in held if not (hides and key not in self._mentioned)]
                one: Any = [[names.get(key, key), self.text(held[key])] for key in shown]
            elif name == "param_groups" and isinstance(value, torch.optim.Optimizer):
                one = [self._group(group) for group in held]
            elif "hook" in name and isinstance(held, dict):
                one = self._hooked(held)
            else:
                one = self.text(held)
            text.append([names.get(name, name), one])
        classes = [["own", self._instance_class(c, kind)] for c in own]
        return ["instance", *text, *map(_name, bases), *classes]

    def _hooked(self, hooks: dict[int, Any]) -> list[Any]:
        """Return hooks; torch numbers them across a process, and this within the text."""
        numbers = [self._hooks.setdefault(key, len(self._hooks)) for key in hooks]
        return [[n, self.text(hook)] for n, hook in zip(numbers, hooks.values(), strict=True)]

    def _group(self, group: dict[str, Any]) -> list[Any]:
        """Return a group of an optimizer, of its parameters those of layers that can run."""
        known = [self._seen[id(p)][0] for p in group["params"] if id(p) in self._seen]
        return [known, *([key, self.text(group[key])] for key in sorted(group) if key != "params")]

    def _instance_class(self, kind: type, instance: type) -> list[Any]:
        """Return the text of a class of an instance, once."""
        key = (kind, instance)
        if key in self._classes:
            return ["again", self._classes[key]]
        self._classes[key] = len(self._classes)
        return self._class(kind, instance)

    def _class(self, kind: type, instance: type | None) -> list[Any]:
        """Return what a class defines.

        Args:
            kind: The class.
            instance: The class of the instance that leads here, whose constructor has run; None
                where code names the class, and may run its constructor.
        """
        names = self._names.get(instance or kind, {})
        built = instance is not None and self._mentioned.isdisjoint(_BUILDERS)
        hidden = _ADDED | ({"__init__", "__new__"} if built else set())
        members = [(k, v) for k, v in vars(kind).items() if k not in hidden]
        of = instance or kind
        return ["class", *([names.get(key, key), self._member(v, of)] for key, v in members)]

    def _member(self, value: Any, kind: type) -> Any:
        if isinstance(value, (staticmethod, classmethod)):
            return [type(value).__name__, self._member(value.__func__, kind)]
        if isinstance(value, property):
            return [
                "property",
                *(self._member(f, kind) for f in (value.fget, value.fset, value.fdel)),
            ]
        if isinstance(value, types.FunctionType) and self._is_own(value):
            return ["method", *self._function(value, kind)]
        if isinstance(value, (types.MemberDescriptorType, types.GetSetDescriptorType)):
            return ["slot"]
        return self.text(value)

    def _function(self, value: types.FunctionType, kind: type | None) -> list[Any]:
        cells = [
            self.text(cell.cell_contents) if _is_full(cell) else None
            for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            if name != "__class__"
        ]
        given = [self.text(value.__defaults__), self.text(value.__kwdefaults__)]
        return [self._code(value.__code__, kind), cells, given, self.text(vars(value))]

    def _wrapped(self, value: Any) -> list[Any]:
        """Return the candidate's function below one of torch's decorators, if there is one."""
        wrapped = getattr(value, "__wrapped__", None)
        return [] if wrapped is None else [self.text(wrapped)]

    def _code(self, code: types.CodeType, kind: type | None) -> list[Any]:
        """Return what code does, without names of local variables, docstrings and line numbers."""
        own = self._names.get(kind, {}) if kind and "self" in code.co_varnames[:1] else {}
        n_named = code.co_argcount + code.co_kwonlyargcount
        text: list[Any] = [code.co_argcount, code.co_kwonlyargcount, code.co_flags & 0x0C]
        text.append(code.co_varnames[code.co_argcount : n_named])
        previous = None
        for one in dis.get_instructions(code):
            argument: Any = one.arg
            if one.opcode in dis.hasname:
                argument = one.argval
                if is_of_self(one, previous, code):
                    argument = ["self", own.get(argument, argument)]
                elif "ATTR" not in one.opname and "METHOD" not in one.opname:
                    argument = self._global(argument)
            elif one.opcode in _CONSTANTS and one.arg is not None:
                constant = code.co_consts[one.arg]
                nested = isinstance(constant, types.CodeType)
                argument = self._code(constant, kind) if nested else self.text(constant)
            text.append([one.opname, argument])
            previous = one
        return [*text, code.co_exceptiontable]

    def _global(self, name: str) -> Any:
        held = vars(self._module)
        return ["global", self.text(held[name])] if name in held else name

    def _names_of(self, kind: type, inherited: type, held: dict[str, Any]) -> dict[str, int]:
        """Return the numbers of a class's attributes, in the order of its first instance's."""
        if kind in self._names:
            return self._names[kind]
        names = self._names.setdefault(kind, {})
        base = {*dir(inherited), *(vars(nn.Module()) if issubclass(kind, nn.Module) else ())}
        inner = [held.get(part, {}) for part in _PARTS]
        members = [vars(c) for c in kind.__mro__ if self._is_own(c)]
        for name in (name for group in (*inner, held, *members) for name in group):
            if name in self._mentioned and name not in base | self._elsewhere:
                names.setdefault(name, len(names))
        return names

    def _tensor(self, value: torch.Tensor) -> list[Any]:
        hooks = [self._hooked(getattr(value, name, None) or {}) for name in _HOOKS]
        content = value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        digest = hashlib.sha256(content.data).hexdigest()
        return [type(value).__qualname__, value.dtype, tuple(value.shape), value.requires_grad,
                digest, *hooks]  # fmt: skip

    def _is_own(self, value: Any) -> bool:
        return getattr(value, "__module__", None) == self._module.__name__


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{getattr(value, '__module__', '')}.{name}"


def _is_readable(value: Any, base: type, *, is_own: bool) -> bool:
    """Return whether the attributes of an instance, and its class, tell all that it does."""
    if isinstance(value, (torch.Tensor, torch.jit.ScriptModule)):
        return False
    return base.__module__.startswith("torch.") or (is_own and base is object)


def _is_full(cell: types.CellType) -> bool:
    """Return whether a cell of a closure has got its value."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
