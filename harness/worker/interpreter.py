"""Interpreter of recorded graphs: operation by operation, without candidate code.

A door to torch.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from harness.typing import Array
from harness.worker.arguments import DTYPES, Arguments
from harness.worker.bounds import is_dense
from harness.worker.graph import Constant, Graph, GraphError, Node, Program, Value, tensors_in
from harness.worker.operations import OPERATIONS, Rule

_NAME = re.compile(r"aten\.[A-Za-z_]\w*\.\w+", re.ASCII)
_MOST_DIMS = 25
"""Most dimensions that every kernel supports."""
_RACES = ("index_put", "index_copy", "max_unpool", "scatter")
"""Parts of the names of operations that write to indices. Where indices repeat, which value stays
would depend on the order of threads."""
_PAIRS = {"complex64": "float32", "complex128": "float64"}
"""Real dtype of the two parts of a complex dtype; layers read one storage as either dtype."""
_MOST_FLOPS = 2**63 - 1
"""Largest count that is recorded; windows that are cut at the edge count in full, and reach it."""

Watch = Callable[[int, dict[str, Any]], None]
"""Called before each operation with its place and its arguments by name, which it may change."""
Tally = Callable[[int], None]
"""Called after each operation with its floating-point operations."""


def per_input(flops: Sequence[int], batch_size: int) -> int:
    """Return the FLOPs per input of a batch."""
    return min(sum(flops) // batch_size, _MOST_FLOPS)


class Operation:
    """One operation, resolved: what to call, and the tensors that nothing reads after it.

    Raises:
        GraphError: It is not one that is replayed.
    """

    def __init__(self, node: Node, *, device: str) -> None:
        self.node = node
        self._rule, self.op = _resolved(node.op)
        names = [argument.name for argument in self.op._schema.arguments]  # noqa: SLF001
        if len(node.args) > len(names) or set(names[: len(node.args)]) & node.kwargs.keys():
            raise GraphError(f"{node.op} got more arguments than it declares, or one of them twice")
        self.arguments: dict[str, Value] = dict(zip(names, node.args, strict=False)) | node.kwargs
        self._ready = Arguments(self.op, self.arguments, device=device)
        self._races = any(part in node.op for part in _RACES)
        self.done_with: list[int] = []
        self.flops_vary = self._rule.varies or torch.Tag.dynamic_output_shape in self.op.tags
        if torch.Tag.nondeterministic_seeded in self.op.tags and not self._is_deterministic():
            raise GraphError(f"draws random numbers when it is evaluated ({node.op[:80]})")

    def filled(self, tensors: Mapping[int, torch.Tensor]) -> dict[str, Any]:
        """Return the arguments by name, with each reference replaced by its tensor."""
        try:
            return self._ready.filled(tensors)
        except KeyError as error:
            raise GraphError(f"{self.node.op} reads an undefined tensor") from error

    def __call__(
        self, tensors: dict[int, torch.Tensor], named: dict[str, Any], tally: Tally | None
    ) -> None:
        """Compute, and store the outputs under their numbers."""
        if self._rule.dense:
            named = {name: _dense(value) for name, value in named.items()}
        if self._rule.check is not None:
            self._rule.check(self._ready.defaults | named)
        storages = [t.untyped_storage() for t in _tensors_in(named)]
        sizes = [storage.nbytes() for storage in storages]
        with _on_one_thread() if self._races else nullcontext():
            outcome = self.op(*list(named.values())[: len(self.node.args)],
                              **{name: named[name] for name in self.node.kwargs})  # fmt: skip
        outputs = outcome if isinstance(outcome, (list, tuple)) else (outcome,)
        if self._rule.fills:  # the memory may hold data of earlier computations
            _clear(outputs[0])
        if sizes != [s.nbytes() for s in storages]:
            raise GraphError(f"{self.node.op[:80]} grows a tensor by uninitialised memory")
        if tally is not None:
            tally(self._rule.flops(self._ready.defaults | named, outputs))
        self._store(outputs, tensors)

    def _store(self, outputs: Sequence[Any], tensors: dict[int, torch.Tensor]) -> None:
        """Store the outputs that have a number, and release tensors after their last use."""
        given = zip(self.node.outputs, outputs, strict=True)
        for number, output in islice(given, self._rule.gives):
            if number is not None:
                tensors[number] = _tensor(output)
        for number in self.done_with:
            tensors.pop(number, None)

    def _is_deterministic(self) -> bool:
        """Return whether the arguments of an operation keep it from drawing random numbers."""
        given = self._ready.defaults | self.arguments
        return given.get("dropout_p") == 0 or False in (given.get("training"), given.get("train"))


@contextmanager
def _on_one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Interpreter:
    """A graph ready to run on a device; every batch starts from the recorded constants.

    Attributes:
        graph: The graph.
        operations: Its operations, by program.

    Raises:
        GraphError: The graph cannot be replayed.
    """

    def __init__(self, graph: Graph, *, device: str) -> None:
        self.graph, self._device = graph, device
        _check_constants(graph)
        self.operations = [_operations(program, device) for program in graph.programs]

    def with_storages(self, contents: Mapping[int, Array]) -> "Interpreter":
        """Return an interpreter of the same graph with other bytes in some storages."""
        storages = [contents.get(i, held) for i, held in enumerate(self.graph.storages)]
        other = copy.copy(self)
        other.graph = replace(self.graph, storages=tuple(storages))
        return other

    def flops_vary(self, program: int) -> bool:
        """Return whether a program's FLOPs depend on the values of its inputs."""
        return any(operation.flops_vary for operation in self.operations[program])

    def answers(
        self,
        inputs: torch.Tensor,
        *,
        program: int,
        shape: tuple[int, ...],
        tally: Tally | None = None,
    ) -> Array:
        """Return the answers to prepared inputs.

        The last batch is filled up with repetitions, for a program has one batch size.

        Args:
            inputs: (n, ...) as the network gets them.
            program: Number of the program to run.
            shape: Shape that the answer to one input must have.
            tally: Called after each batch with the FLOPs per input.

        Returns:
            (n, *shape), float32.
        """
        size = self.graph.programs[program].batch_size
        pieces = []
        for start in range(0, len(inputs), size):
            batch = inputs[torch.arange(start, start + size) % len(inputs)]
            flops: list[int] = []
            outcome = self.run(batch, program=program, tally=flops.append if tally else None)
            answers = _checked(outcome, (size, *shape))
            if tally is not None:
                tally(per_input(flops, size))
            pieces.append(answers[: len(inputs) - start])
        return np.concatenate(pieces)

    def dtypes(self) -> list[str]:
        """Return the floating-point dtypes that the graph names."""
        found: list[Value] = [c.dtype for c in self.graph.constants]
        for operation in (o for operations in self.operations for o in operations):
            values = operation.arguments.values()
            found += [v["dtype"] for v in values if isinstance(v, dict) and "dtype" in v]
        return [n for n, dtype in DTYPES.items() if dtype.is_floating_point and n in found]

    def run(
        self,
        batch: torch.Tensor,
        *,
        program: int,
        watch: Watch | None = None,
        tally: Tally | None = None,
    ) -> torch.Tensor:
        """Compute one batch of the program's own size."""
        try:
            with torch.no_grad():
                return self._computed(program, batch, watch, tally)
        except (GraphError, MemoryError):
            raise
        except Exception as error:  # anything that ATen raises for a candidate's operation
            raise GraphError(f"{type(error).__name__}: {error}") from error

    def _computed(
        self, number: int, batch: torch.Tensor, watch: Watch | None, tally: Tally | None
    ) -> torch.Tensor:
        program = self.graph.programs[number]
        storages = [torch.from_numpy(s.copy()).to(self._device) for s in self.graph.storages]
        tensors = {0: batch.to(self._device)}
        for tensor, index in program.constants.items():
            constant = self.graph.constants[index]
            tensors[tensor] = _view(storages[constant.storage], constant)
        for place, operation in enumerate(self.operations[number]):
            named = operation.filled(tensors)
            if watch is not None:
                watch(place, named)
            operation(tensors, named, tally)
        return tensors[program.result]


def _operations(program: Program, device: str) -> list[Operation]:
    operations = [Operation(node, device=device) for node in program.nodes]
    last: dict[int, int] = {}
    for place, operation in enumerate(operations):
        for number in (*tensors_in(list(operation.arguments.values())), *operation.node.outputs):
            if number is not None:
                last[number] = place
    for number, place in last.items():
        if number != program.result:
            operations[place].done_with.append(number)
    return operations


def _dense(value: Any) -> Any:
    """Return a dense tensor unchanged, and a contiguous copy of one with gaps or overlaps."""
    if isinstance(value, list):
        return [_dense(item) for item in value]
    if not isinstance(value, torch.Tensor) or value.is_contiguous() or is_dense(value):
        return value
    return value.contiguous()


def _clear(tensor: torch.Tensor) -> None:
    """Write zeros wherever the tensor lies, between its elements, too."""
    whole = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    whole.set_(tensor.untyped_storage()).zero_()


def _tensors_in(named: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among an operation's arguments."""
    for value in named.values():
        yield from (v for v in (value if isinstance(value, list) else [value])
                    if isinstance(v, torch.Tensor))  # fmt: skip


def _check_constants(graph: Graph) -> None:
    """Check that each constant lies within its storage, and that a storage has one dtype.

    Two dtypes would reinterpret the bits of a number.

    Raises:
        GraphError: A constant violates either rule.
    """
    read_as: dict[int, str] = {}
    for constant in graph.constants:
        dtype = DTYPES.get(constant.dtype)
        if dtype is None:
            found = constant.dtype[:40]
            raise GraphError(f"reads a tensor of dtype {found}, which is not supported")
        storage = graph.storages[constant.storage]
        if _extent(constant) * dtype.itemsize > storage.nbytes:
            raise GraphError("reads a tensor beyond the end of its storage")
        if dtype == torch.bool and (storage > 1).any():
            raise GraphError("reads a boolean that is neither 0 nor 1")
        part = _PAIRS.get(constant.dtype, constant.dtype)
        if storage.nbytes and read_as.setdefault(constant.storage, part) != part:
            raise GraphError("reads one storage as two dtypes")


def _view(storage: torch.Tensor, constant: Constant) -> torch.Tensor:
    """Return a constant as a view of its storage."""
    whole = torch.empty(0, dtype=DTYPES[constant.dtype], device=storage.device)
    return whole.set_(storage.untyped_storage(), constant.offset, constant.shape, constant.stride)


def _extent(constant: Constant) -> int:
    """Return the number of elements from the start of the storage to the constant's end."""
    if len(constant.shape) != len(constant.stride):
        raise GraphError("expected as many strides as sizes of a constant")
    if 0 in constant.shape:
        return 0
    pairs = zip(constant.shape, constant.stride, strict=True)
    return constant.offset + 1 + sum((n - 1) * s for n, s in pairs)


def _resolved(name: str) -> tuple[Rule, Any]:
    """Return the rule of a listed operation, and its ATen overload."""
    rule, found = OPERATIONS.get(name), _found(name)
    if found is not None and torch.Tag.nondeterministic_seeded in found.tags and rule is None:
        raise GraphError(f"draws random numbers when it is evaluated ({name[:80]})")
    if rule is None:
        raise GraphError(
            f"computes {name[:80]}, which the audit does not replay: "
            "CONTRIBUTING.md, 'Add an operation', says how to list it"
        )
    if found is None:
        raise GraphError(f"computes {name}, which this torch does not have")
    return rule, found


def _found(name: str) -> Any:
    """Return the ATen overload with this name; None if there is none."""
    if not _NAME.fullmatch(name):
        return None
    found: Any = torch.ops
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, torch._ops.OpOverload) else None  # noqa: SLF001


def _tensor(value: Any) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise GraphError(f"takes a {type(value).__name__} for a tensor")
    if value.dim() > _MOST_DIMS:
        raise GraphError(f"expected tensors of at most {_MOST_DIMS} dimensions, got {value.dim()}")
    if value.numel() == 0 and min(value.shape) < 0:
        raise GraphError(f"expected sizes of at least zero, got {tuple(value.shape)}")
    return value


def _checked(answers: torch.Tensor, shape: tuple[int, ...]) -> Array:
    """Return answers as float32; GraphError where they have another shape or no floating dtype."""
    if not isinstance(answers, torch.Tensor) or tuple(answers.shape) != shape:
        got = tuple(answers.shape) if isinstance(answers, torch.Tensor) else type(answers).__name__
        raise GraphError(f"expected answers of shape {shape}, got {got}")
    if not answers.is_floating_point():
        raise GraphError(f"expected answers of a floating-point dtype, got {answers.dtype}")
    return answers.float().cpu().numpy().astype("<f4")
