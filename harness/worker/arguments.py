"""Arguments of recorded operations: JSON values, checked against what ATen declares.

A door to torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.worker.graph import GraphError, Value

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.uint8,
        torch.int8, torch.int16, torch.int32, torch.int64, torch.complex64, torch.complex128,
    )
}  # fmt: skip
_FORMATS = {
    str(form).removeprefix("torch."): form
    for form in (
        torch.contiguous_format, torch.channels_last, torch.channels_last_3d, torch.preserve_format,
    )
}  # fmt: skip
_TEXTS = {
    "rounding_mode": {"floor", "trunc"},
    "approximate": {"none", "tanh"},
    "reduce": {"sum", "prod", "mean", "amax", "amin", "add", "multiply"},
    "side": {"left", "right"},
    "UPLO": {"L", "U"},
    "mode": {"reduced", "complete", "r"},
}
"""Text that an operation takes, by the name of the argument."""
_MOST = 2**63 - 1
"""The end of a slice that has none. Other sizes and places fit into 32 bits, so that their products
fit into 64."""
_MOST_SIZE = 2**31


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for a tensor, by its number."""

    number: int


class Arguments:
    """The arguments of one operation, by name, ready to be filled with tensors."""

    def __init__(self, op: Any, given: Mapping[str, Value], *, device: str) -> None:
        """Check the arguments.

        Args:
            op: The resolved operation.
            given: Recorded values by the names of its arguments.
            device: Device of the replay; a tensor may be made there or on the CPU.

        Raises:
            GraphError: One has another type than the operation declares.
        """
        declared = {a.name: a for a in op._schema.arguments}  # noqa: SLF001 - no public name
        missing = [n for n, a in declared.items() if n not in given and not a.has_default_value()]
        if missing or given.keys() - declared.keys():
            raise GraphError(f"{op} got other arguments than it has")
        decoder = _Decoder(device)
        self._values = {
            name: decoder.decoded(value, str(declared[name].real_type), name)
            for name, value in given.items()
        }
        self._lists = [
            name for name, value in self._values.items()
            if isinstance(value, list) and any(type(v) is Ref for v in value)
        ]  # fmt: skip
        self._tensors = {n: v.number for n, v in self._values.items() if type(v) is Ref}
        self.defaults = {n: a.default_value for n, a in declared.items()}

    def filled(self, tensors: Mapping[int, torch.Tensor]) -> dict[str, Any]:
        """Return the values, with tensors in their places."""
        named = self._values.copy()
        for name, number in self._tensors.items():
            named[name] = tensors[number]
        for name in self._lists:
            named[name] = [tensors[v.number] if type(v) is Ref else v for v in named[name]]
        return named


class _Decoder:
    """Turns JSON values into what an operation takes."""

    def __init__(self, device: str) -> None:
        self._devices = {"cpu", torch.device(device).type}

    def decoded(self, value: Value, declared: str, name: str) -> Any:
        """Return a value of the declared type; GraphError for any other."""
        if declared.startswith("Optional["):
            return None if value is None else self.decoded(value, declared[9:-1], name)
        if declared.startswith("List["):
            if not isinstance(value, (list, tuple)):
                raise _refusal(name, "a list", value)
            return [self.decoded(item, declared[5:-1], name) for item in value]
        if declared == "str":
            if not isinstance(value, str) or value not in _TEXTS.get(name, ()):
                raise _refusal(name, "text that the operation takes", value)
            return value
        if name == "pin_memory" and value:
            raise _refusal(name, "none", value)
        if declared not in _TYPES:
            raise _refusal(name, "none", value)
        expected, decode = _TYPES[declared]
        decoded: Any = _MOST if (name, value) == ("end", _MOST) else decode(value)
        if decoded is _NOT or (declared == "Device" and decoded.type not in self._devices):
            raise _refusal(name, expected, value)
        return decoded


_NOT = object()


def _tensor(value: Value) -> Any:
    """Read a tensor, or a number that stands for one."""
    number = _content(value, "tensor")
    return Ref(number) if type(number) is int else _number(value)


def _integer(value: Value) -> Any:
    return value if type(value) is int and -_MOST_SIZE <= value < _MOST_SIZE else _NOT


def _real(value: Value) -> Any:
    return value if type(value) is float or (type(value) is int and abs(value) <= _MOST) else _NOT


def _boolean(value: Value) -> Any:
    return value if type(value) is bool else _NOT


def _number(value: Value) -> Any:
    parts = _content(value, "complex")
    if isinstance(parts, (list, tuple)) and len(parts) == 2:  # noqa: PLR2004 - real, imaginary
        real, imaginary = (_real(part) for part in parts)
        return _NOT if _NOT in (real, imaginary) else complex(real, imaginary)
    return value if type(value) is bool else _real(value)


def _one_of(kind: str, known: Mapping[str, Any]) -> Callable[[Value], Any]:
    def decode(value: Value) -> Any:
        content = _content(value, kind)
        return known.get(content, _NOT) if isinstance(content, str) else _NOT

    return decode


def _device(value: Value) -> Any:
    content = _content(value, "device")
    try:
        return torch.device(content) if isinstance(content, str) else _NOT
    except RuntimeError:
        return _NOT


def _content(value: Value, kind: str) -> Any:
    """Return what a mapping of one kind holds; ``_NOT`` for all else."""
    if isinstance(value, Mapping) and len(value) == 1:
        return value.get(kind, _NOT)
    return _NOT


_TYPES: dict[str, tuple[str, Callable[[Value], Any]]] = {
    "Tensor": ("a tensor", _tensor),
    "int": ("an integer of 32 bits", _integer),
    "float": ("a number", _real),
    "bool": ("true or false", _boolean),
    "number": ("a number", _number),
    "ScalarType": ("a dtype", _one_of("dtype", DTYPES)),
    "MemoryFormat": ("a memory format", _one_of("memory_format", _FORMATS)),
    "Layout": ("a strided layout", _one_of("layout", {"strided": torch.strided})),
    "Device": ("the device of the replay", _device),
}
"""What is expected for each declared type, and how it is read. Generators are missing: nothing that
is replayed draws random numbers."""


def _refusal(name: str, expected: str, value: Value) -> GraphError:
    got = f"{value!r}" if isinstance(value, (str, int, float)) else type(value).__name__
    return GraphError(f"expected {expected} for {name}, got {got[:40]}")
