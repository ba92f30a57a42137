"""Arguments of recorded operations: JSON values, checked against ATen's schemas.

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
"""Allowed strings, by argument name."""
_MOST = 2**63 - 1
"""Default end of a slice. Other sizes and indices fit into 32 bits, so that their products fit into
64."""
_MOST_SIZE = 2**31


@dataclass(frozen=True, slots=True)
class Ref:
    """Reference to a tensor, by its number."""

    number: int


class Arguments:
    """Decoded arguments of one operation, by name; tensors are references until ``filled``."""

    def __init__(self, op: Any, given: Mapping[str, Value], *, device: str) -> None:
        """Check the arguments.

        Args:
            op: The resolved operation.
            given: Recorded values by argument name.
            device: Device of the replay; a new tensor is allocated there or on the CPU.

        Raises:
            GraphError: An argument is missing, unknown, or not of the declared type.
        """
        declared = {a.name: a for a in op._schema.arguments}  # noqa: SLF001 - no public name
        missing = [n for n, a in declared.items() if n not in given and not a.has_default_value()]
        if missing or given.keys() - declared.keys():
            raise GraphError(f"{op} got unknown arguments, or lacks required ones")
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
        """Return the arguments by name, with each reference replaced by its tensor."""
        named = self._values.copy()
        for name, number in self._tensors.items():
            named[name] = tensors[number]
        for name in self._lists:
            named[name] = [tensors[v.number] if type(v) is Ref else v for v in named[name]]
        return named


class _Decoder:
    """Decoder of JSON values into values of ATen's types."""

    def __init__(self, device: str) -> None:
        self._devices = {"cpu", torch.device(device).type}

    def decoded(self, value: Value, declared: str, name: str) -> Any:
        """Return the value as the declared type; GraphError if it has another type."""
        if declared.startswith("Optional["):
            return None if value is None else self.decoded(value, declared[9:-1], name)
        if declared.startswith("List["):
            if not isinstance(value, (list, tuple)):
                raise _refusal(name, "a list", value)
            return [self.decoded(item, declared[5:-1], name) for item in value]
        if declared == "str":
            if not isinstance(value, str) or value not in _TEXTS.get(name, ()):
                raise _refusal(name, "an allowed string", value)
            return value
        if name == "pin_memory" and value:
            raise _refusal(name, "no value", value)
        if declared not in _TYPES:
            raise _refusal(name, "no value", value)
        expected, decode = _TYPES[declared]
        decoded: Any = _MOST if (name, value) == ("end", _MOST) else decode(value)
        if decoded is _INVALID or (declared == "Device" and decoded.type not in self._devices):
            raise _refusal(name, expected, value)
        return decoded


_INVALID = object()


def _tensor(value: Value) -> Any:
    """Return a reference to a tensor, or a number used as a tensor."""
    number = _content(value, "tensor")
    return Ref(number) if type(number) is int else _number(value)


def _integer(value: Value) -> Any:
    return value if type(value) is int and -_MOST_SIZE <= value < _MOST_SIZE else _INVALID


def _real(value: Value) -> Any:
    return (
        value if type(value) is float or (type(value) is int and abs(value) <= _MOST) else _INVALID
    )


def _boolean(value: Value) -> Any:
    return value if type(value) is bool else _INVALID


def _number(value: Value) -> Any:
    parts = _content(value, "complex")
    if isinstance(parts, (list, tuple)) and len(parts) == 2:  # noqa: PLR2004 - real, imaginary
        real, imaginary = (_real(part) for part in parts)
        return _INVALID if _INVALID in (real, imaginary) else complex(real, imaginary)
    return value if type(value) is bool else _real(value)


def _one_of(kind: str, known: Mapping[str, Any]) -> Callable[[Value], Any]:
    def decode(value: Value) -> Any:
        content = _content(value, kind)
        return known.get(content, _INVALID) if isinstance(content, str) else _INVALID

    return decode


def _device(value: Value) -> Any:
    content = _content(value, "device")
    try:
        return torch.device(content) if isinstance(content, str) else _INVALID
    except RuntimeError:
        return _INVALID


def _content(value: Value, kind: str) -> Any:
    """Return the content of a mapping of this kind; ``_INVALID`` for any other value."""
    if isinstance(value, Mapping) and len(value) == 1:
        return value.get(kind, _INVALID)
    return _INVALID


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
"""Description and decoder of each declared type. Generators are missing, because no replayed
operation draws random numbers."""


def _refusal(name: str, expected: str, value: Value) -> GraphError:
    got = f"{value!r}" if isinstance(value, (str, int, float)) else type(value).__name__
    return GraphError(f"expected {expected} for {name}, got {got[:40]}")
