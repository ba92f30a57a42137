"""Everything of a candidate that may run after the few optimizer steps that are observed.

A network may count its steps, branch on them, or do something else from the hundredth on. So two
networks are taken for the same only if all that is reachable from the network and its optimizer is
the same: modules, values, hooks, and the code of methods and functions, with what that code names.
Names, comments, and code that nothing reachable runs do not count; constructors count only where
reachable code may run them. A layer, parameter or buffer that no such code names does not count
either, and an attribute may have another name, where reachable code gets at them by name alone.

There is no text where later behaviour cannot be read: of a value that keeps something outside its
attributes, such as an iterator; of code that uses a package with a state of its own; and where the
candidate changed a package (``foreign``). A door to torch.
"""

import dis
import functools
import types
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import torch
from torch import nn

from harness.worker.behaviour.code_names import (
    instructions,
    is_attribute,
    is_of_self,
    uses_of,
)
from harness.worker.behaviour.effects import content_of
from harness.worker.behaviour.foreign import (
    builtin,
    is_readable,
    name_of,
    reaches_by_name,
    require_stateless,
    require_unchanged,
)
from harness.worker.behaviour.reach import Reach, constructs, reach_of
from harness.worker.graph import GraphError

_PLAIN = (
    bool, int, float, complex, str, bytes, range, type(None), type(Ellipsis),
    torch.dtype, torch.layout, torch.memory_format, torch.device,
)  # fmt: skip
_DICTS = (dict, OrderedDict, defaultdict, Counter)
_TENSORS = (torch.Tensor, nn.Parameter, nn.Buffer)
_ADDED = {
    "__module__", "__doc__", "__qualname__", "__dict__", "__weakref__", "__annotations__",
    "__firstlineno__", "__static_attributes__",
}  # fmt: skip
"""What Python adds to a class."""
_PARTS = ("_modules", "_parameters", "_buffers")
_CONSTANTS = {*dis.hasconst, dis.opmap.get("KW_NAMES")}
_HOOKED = {
    name for kind in (nn.Module, torch.optim.Optimizer)
    for name in kind.__annotations__ if "_hooks" in name
}  # fmt: skip
"""Attributes of modules and optimizers in which torch keeps hooks by number."""
_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
_FUNCTIONS = (
    types.BuiltinFunctionType, types.ClassMethodDescriptorType, types.MethodDescriptorType,
    types.WrapperDescriptorType,
)  # fmt: skip


def unseen_code(
    network: nn.Module, optimizer: torch.optim.Optimizer, module: types.ModuleType
) -> str:
    """Return the text of all that may act later.

    Args:
        network: The candidate's network, built.
        optimizer: Its optimizer.
        module: The candidate's module.

    Raises:
        GraphError: What acts later cannot be told.
    """
    require_unchanged(module.__name__)
    parameters = {id(parameter) for parameter in nn.Module.parameters(network)}

    def written(reach: Reach) -> tuple[_Writer, Any]:
        writer = _Writer(module, parameters, reach)
        return writer, writer.text([network, optimizer])

    draft, _ = written(Reach())
    if constructs(uses_of(draft.codes)):
        draft, _ = written(Reach(constructs=True))
    uses = uses_of(draft.codes, texts=draft.texts)
    writer, text = written(reach_of(uses, by_name=draft.by_name, optimizer=optimizer))
    if not writer.codes <= draft.codes:
        raise GraphError("holds code in a package")
    return repr(text)


class _Writer:
    """Writes each object once, and refers to it by number from then on.

    Attributes:
        codes: Code of all functions of the candidate's that it met.
        texts: All texts among the values that it met.
        by_name: Whether no function of others that it met reads attributes by computed names.
    """

    def __init__(self, module: types.ModuleType, parameters: set[int], reach: Reach) -> None:
        self.codes: set[types.CodeType] = set()
        self.texts: set[str] = set()
        self.by_name = True
        self._module = module
        self._parameters = parameters
        self._reach = reach
        self._seen: dict[int, tuple[int, Any]] = {}
        """Number of each object written, by identity; and the object, to keep it alive."""
        self._storages: dict[int, int] = {}
        self._hooks: dict[int, int] = {}
        self._globals: dict[str, int] = {}
        self._classes: dict[tuple[type, type], int] = {}
        self._names: dict[type, dict[str, int]] = {}
        """Numbers of the attributes of each class of the candidate's own."""

    def text(self, value: Any) -> Any:
        """Return a value as nested lists of plain values."""
        if type(value) in _PLAIN:
            self.texts.update([value] if isinstance(value, str) else [])
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
        if isinstance(value, (weakref.ref, types.CellType)):
            return [type(value).__name__, *map(self.text, _referred(value))]
        if type(value) in _DICTS:
            default = self.text(getattr(value, "default_factory", None))
            items = [[self.text(k), self.text(v)] for k, v in value.items()]
            return [type(value).__name__, default, *items]
        if type(value) in _TENSORS:
            return ["tensor", *self._tensor(value)]
        return []

    def _callable(self, value: Any) -> list[Any]:
        """Return the text of what can be called; nothing for other values."""
        if isinstance(value, types.FunctionType):
            own = self._is_own(value)
            return self._function(value, None) if own else self._foreign(value)
        if type(value) in {types.MethodType, functools.partial}:
            bound = isinstance(value, types.MethodType)
            names = ("__self__", "__func__") if bound else ("func", "args", "keywords", "__dict__")
            return [type(value).__name__, *(self.text(getattr(value, name)) for name in names)]
        if isinstance(value, type):
            return self._class(value, None) if self._is_own(value) else self._foreign(value)
        if isinstance(value, (types.ModuleType, *_FUNCTIONS, torch._ops.OpOverloadPacket)):  # noqa: SLF001 - no public name
            of = getattr(value, "__self__", None)  # of a method in C
            bound = isinstance(value, _FUNCTIONS) and not isinstance(of, types.ModuleType)
            return [*self._foreign(value), self.text(of) if bound else None]
        return []

    def _foreign(self, value: Any) -> list[Any]:
        """Return the name of what is not the candidate's, and what code may use of it."""
        if value is not self._module:
            require_stateless(value)
            self.by_name = self.by_name and reaches_by_name(value)
        held = getattr(value, "__dict__", {})
        uses = self._reach.uses
        named = uses.names if isinstance(value, type) else uses.elsewhere
        members = [[k, self._member(held[k], object)] for k in sorted(named.intersection(held))]
        inner = [getattr(value, "__wrapped__", None), getattr(value, "__closure__", None)]
        return [type(value).__name__, name_of(value), *map(self.text, inner), *members]

    def _instance(self, value: Any) -> list[Any]:
        """Return the text of an instance: its attributes, and its class."""
        kind = type(value)
        own = [c for c in kind.__mro__ if self._is_own(c)]
        bases = [c for c in kind.__mro__ if not self._is_own(c)]
        if not is_readable(value, bases[0], is_own=bool(own)):
            raise GraphError(f"holds a {kind.__qualname__}, whose later values cannot be told")
        names = self._names_of(kind, bases[0], vars(value)) if own else {}
        hides = bool(own) and bases[0] is nn.Module and not self._reach.all_parts
        text: list[Any] = []
        for name, held in vars(value).items():
            if name in _PARTS and isinstance(value, nn.Module):
                shown = [key for key in held if not hides or key in self._reach.uses.names]
                one: Any = [[names.get(key, key), self.text(held[key])] for key in shown]
            elif name == "param_groups" and isinstance(value, torch.optim.Optimizer):
                one = [self._group(group) for group in held]
            elif name in _HOOKED and isinstance(value, (nn.Module, torch.optim.Optimizer)):
                one = self._hooked(held)
            else:
                one = self.text(held)
            text.append([names.get(name, name), one])
        classes = [["own", self._instance_class(c, kind)] for c in own]
        return ["instance", *text, *map(self.text, bases), *classes]

    def _hooked(self, hooks: dict[int, Any]) -> list[Any]:
        """Return hooks; torch numbers them across a process, and this within the text."""
        numbers = [self._hooks.setdefault(key, len(self._hooks)) for key in hooks]
        return [[n, self.text(hook)] for n, hook in zip(numbers, hooks.values(), strict=True)]

    def _group(self, group: dict[str, Any]) -> list[Any]:
        """Return a group of an optimizer, of its parameters those of layers that can run."""
        known = [
            self.text(parameter) for parameter in group["params"]
            if id(parameter) in self._seen or id(parameter) not in self._parameters
        ]  # fmt: skip
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
        built = instance is not None and not self._reach.constructs
        hidden = _ADDED | ({"__init__", "__new__"} if built else set())
        members = [(k, v) for k, v in vars(kind).items() if k not in hidden]
        of = instance or kind
        above = [self.text(type(kind)), *(map(self.text, kind.__bases__) if not instance else ())]
        return ["class", above, *([names.get(key, key), self._member(v, of)] for key, v in members)]

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
            self.text(cell)
            for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            if name != "__class__"
        ]
        given = [self.text(value.__defaults__), self.text(value.__kwdefaults__)]
        if value.__globals__ is vars(self._module):
            self.codes.add(value.__code__)
            for name in uses_of([value.__code__]).imports:
                require_stateless(types.ModuleType(name))
            code = self._code(value.__code__, kind)
        else:  # a decorator's; what it decorates is in the cells
            home = types.ModuleType(str(value.__globals__.get("__name__")))
            code = [*self._foreign(home), value.__code__.co_qualname]
        return [code, cells, given, self.text(vars(value))]

    def _code(self, code: types.CodeType, kind: type | None) -> list[Any]:
        """Return what code does, without names of local variables, docstrings and line numbers."""
        own = self._names.get(kind, {}) if kind and "self" in code.co_varnames[:1] else {}
        n_named = code.co_argcount + code.co_kwonlyargcount
        text: list[Any] = [code.co_argcount, code.co_kwonlyargcount, code.co_flags & 0x0C]
        spelled = self._reach.uses.elsewhere.union(code.co_varnames[code.co_argcount : n_named])
        text.append([name if name in spelled else "" for name in code.co_varnames[:n_named]])
        previous = None
        for one in instructions(code):
            argument: Any = one.arg
            if one.opcode in dis.hasname:
                argument = one.argval
                if is_of_self(one, previous, code):
                    argument = ["self", own.get(argument, argument)]
                elif not is_attribute(one):
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
        value = held[name] if name in held else builtin(name)
        if value is None and name not in held:
            return name
        number = self._globals.setdefault(name, len(self._globals))
        return ["global", number, self.text(value)]

    def _names_of(self, kind: type, inherited: type, held: dict[str, Any]) -> dict[str, int]:
        """Return the numbers of a class's attributes, in the order of its first instance's."""
        if not self._reach.by_name:
            return {}
        if kind in self._names:
            return self._names[kind]
        names = self._names.setdefault(kind, {})
        base = {*dir(inherited), *(vars(nn.Module()) if issubclass(kind, nn.Module) else ())}
        inner = [held.get(part, {}) for part in _PARTS]
        members = [vars(c) for c in kind.__mro__ if self._is_own(c)]
        for name in (name for group in (*inner, held, *members) for name in group):
            if name in self._reach.uses.names and name not in base | self._reach.uses.elsewhere:
                names.setdefault(name, len(names))
        return names

    def _tensor(self, value: torch.Tensor) -> list[Any]:
        """Return the text of a tensor; tensors may share a storage."""
        if value.layout != torch.strided or value.is_quantized or value.is_meta or value.grad_fn:
            raise GraphError("holds a tensor whose later values cannot be told")
        storage = value.untyped_storage()
        n_known = len(self._storages)
        number = self._storages.setdefault(storage._cdata, n_known)  # noqa: SLF001 - no public name
        content = content_of(storage) if number == n_known else None
        layout = [value.stride(), value.storage_offset(), value.is_conj(), value.is_neg()]
        hooks = [self._hooked(getattr(value, name, None) or {}) for name in _HOOKS]
        more = [self.text(value.grad), self.text(vars(value))]
        return [type(value).__qualname__, value.dtype, tuple(value.shape), value.requires_grad,
                number, content, *layout, *hooks, *more]  # fmt: skip

    def _is_own(self, value: Any) -> bool:
        if isinstance(value, types.FunctionType) and value.__globals__ is vars(self._module):
            return True
        return getattr(value, "__module__", None) == self._module.__name__


def _referred(value: weakref.ref[Any] | types.CellType) -> list[Any]:
    """Return what a weak reference or a cell of a closure refers to, in a list, if anything."""
    try:
        return [value() if isinstance(value, weakref.ref) else value.cell_contents]
    except ValueError:  # the cell has not got its value
        return []
