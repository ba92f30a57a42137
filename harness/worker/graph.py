"""Graphs: what a network does to its input, as data that anyone can replay.

The process that trained a network records the ATen operations of one evaluation per batch size
and sends them with the bytes of every tensor that they read. What is scored and what is counted
is this one function, whatever the candidate's code claims.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np

from harness.typing import Array

MAX_NODES = 50_000
_PARTS = {"programs", "constants", "storages"}

Value = Any
"""A number, text or None; a list of values; or a mapping from a kind to its content, such as
``{"tensor": 3}`` or ``{"dtype": "float32"}``."""


class GraphError(Exception):
    """A computation that cannot be recorded or replayed, and why."""


@dataclass(frozen=True)
class Node:
    """One operation: its ATen name, its arguments, the numbers of the tensors that it gives."""

    op: str
    args: Value
    kwargs: Value
    outputs: tuple[int | None, ...]


@dataclass(frozen=True)
class Constant:
    """A tensor that the computation reads: a view into one of the storages."""

    storage: int
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Program:
    """The operations for one batch size. Tensor 0 is the input."""

    batch_size: int
    constants: Mapping[int, int]
    """Number of a tensor to the index of the constant that it is."""
    nodes: tuple[Node, ...]
    result: int


@dataclass(frozen=True)
class Graph:
    """Programs that share constants and the storages under them."""

    programs: tuple[Program, ...]
    constants: tuple[Constant, ...]
    storages: tuple[Array, ...]
    """Bytes of each storage, (n,) uint8."""

    def header(self) -> dict[str, Any]:
        """Return everything but the storages' bytes, as JSON values."""
        return {
            "programs": [
                [p.batch_size, list(p.constants.items()), [astuple(n) for n in p.nodes], p.result]
                for p in self.programs
            ],
            "constants": [astuple(c) for c in self.constants],
            "storages": [s.nbytes for s in self.storages],
        }

    def payload(self) -> Array:
        """Return the bytes of all storages, one after the other, (n,) uint8."""
        return np.concatenate([np.empty(0, "u1"), *self.storages])


def graph_of(header: Any, payload: Any) -> Graph:
    """Read back what ``header`` and ``payload`` gave; GraphError for anything else."""
    if not isinstance(header, dict) or header.keys() != _PARTS:
        raise GraphError("the graph is malformed: expected programs, constants and storages alone")
    try:
        ends = np.cumsum([0, *(_size(n) for n in header["storages"])])
        if payload.dtype != np.uint8 or payload.ndim != 1 or len(payload) != ends[-1]:
            raise GraphError("the graph's bytes do not fill its storages")
        graph = Graph(
            programs=tuple(_program(*parts) for parts in header["programs"]),
            constants=tuple(
                Constant(_size(s), str(d), _sizes(shape), _sizes(stride), _size(offset))
                for s, d, shape, stride, offset in header["constants"]
            ),
            storages=tuple(payload[a:b] for a, b in pairwise(ends)),
        )
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise GraphError(f"the graph is malformed ({type(error).__name__}: {error})") from error
    if sum(len(p.nodes) for p in graph.programs) > MAX_NODES:
        raise GraphError(f"the graph has more than {MAX_NODES} operations")
    if {c.storage for c in graph.constants} != set(range(len(graph.storages))):
        raise GraphError("the graph holds bytes that no operation reads")
    for program in graph.programs:
        _check_numbers(program)
    return graph


def tensors_in(value: Value) -> Iterator[int]:
    """Yield the numbers of the tensors in an argument, however deep."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (list, tuple)):
            waiting += item
        elif isinstance(item, Mapping):
            if "tensor" in item:
                yield item["tensor"]
            else:
                waiting += item.values()


def wiring(graph: Graph) -> str:
    """Return the operations of program 0, one a line, without the tensors' contents.

    A tensor that was computed is named by its distance, a constant by its place among constants,
    so that what repeats is written alike; neither is written as a number or a text is.
    """
    program = graph.programs[0]
    order = {0: 0}
    constants: dict[int, int] = {}
    storages: dict[int, int] = {}

    def plain(value: Value) -> Value:
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if "tensor" not in value:
            return {kind: plain(content) for kind, content in value.items()}
        number = value["tensor"]
        if number not in program.constants:
            return {"tensor": len(order) - order.get(number, 0)}
        if number in constants:
            return {"constant": constants[number]}
        constants[number] = len(constants)
        constant = graph.constants[program.constants[number]]
        first = storages.setdefault(constant.storage, len(storages)) - len(storages)
        layout = [first, constant.dtype, constant.shape, constant.stride, constant.offset]
        return {"constant": layout}

    lines = []
    for node in program.nodes:
        own = set(tensors_in([node.args, node.kwargs]))
        given = [node.op, plain(node.args), plain(node.kwargs)]
        given += [plain({"tensor": o}) if o in own else o is None for o in node.outputs]
        lines.append(json.dumps(given))
        for output in node.outputs:
            if output is not None and output not in own:
                order[output] = len(order)
    lines.append(json.dumps(plain({"tensor": program.result})))
    return "\n".join(lines)


def information(text: str) -> int:
    """Return how many bytes a text takes, compressed."""
    return len(zlib.compress(text.encode(), level=9))


def changed(text: str, before: str) -> str:
    """Return the lines of a wiring that an earlier one does not have at the same place."""
    pairs = zip_longest(text.split("\n"), before.split("\n"))
    found = [(place, line) for place, (line, old) in enumerate(pairs) if line != old]
    last, lines = 0, []
    for place, line in found:
        lines.append(f"{place - last} {line}")
        last = place
    return "\n".join(lines)


def _check_numbers(program: Program) -> None:
    """Refuse numbers given twice: an operation may write anew only what it was given."""
    known = {0, *program.constants}
    for node in program.nodes:
        own = set(tensors_in([node.args, node.kwargs]))
        for output in node.outputs:
            if output is not None and output not in own:
                if output in known:
                    raise GraphError(f"{node.op[:80]} writes a tensor that was not given to it")
                known.add(output)


def _program(batch_size: Any, constants: Any, nodes: Any, result: Any) -> Program:
    return Program(
        batch_size=_size(batch_size),
        constants={_size(i): _size(c) for i, c in constants},
        nodes=tuple(
            Node(str(op), list(args), dict(kwargs), tuple(_number(o) for o in outputs))
            for op, args, kwargs, outputs in nodes
        ),
        result=_size(result),
    )


def _number(value: Any) -> int | None:
    return None if value is None else _size(value)


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a size, got {value!r}")
    return value


def _sizes(values: Any) -> tuple[int, ...]:
    return tuple(_size(value) for value in values)
