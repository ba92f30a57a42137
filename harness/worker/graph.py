"""Graphs: the operations of a network as data that another process can replay.

The process that trained a network records the ATen operations of one evaluation per batch size
and sends them with the bytes of every tensor that they read. The harness scores and counts this
one function, regardless of what the candidate's code claims.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise, zip_longest
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
    """One operation: its ATen name, its arguments, the numbers of its outputs."""

    op: str
    args: Value
    kwargs: Value
    outputs: tuple[int | None, ...]

    def values(self) -> list[Value]:
        """Return all arguments without their names, which may be those of kinds."""
        return [*self.args, *self.kwargs.values()]


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
                [p.batch_size, list(p.constants.items()), [_parts(n) for n in p.nodes], p.result]
                for p in self.programs
            ],
            "constants": [_parts(c) for c in self.constants],
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
        ends = [0, *accumulate(_size(n) for n in header["storages"])]
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
        if max(program.constants.values(), default=-1) >= len(graph.constants):
            raise GraphError("the graph reads a constant that it does not hold")
        _check_numbers(program)
    return graph


def received(header: Array, payload: Array) -> Graph:
    """Read a graph from bytes of an untrusted process, and overwrite the header's bytes.

    The header must equal the canonical text of the graph (``written``). So this process holds no
    bytes but those of the graph during the replay.

    Raises:
        GraphError: The bytes are not a graph in canonical form.
    """
    text = header.tobytes()
    header.fill(0)
    try:
        graph = graph_of(json.loads(text.decode("ascii")), payload)
        same = written(graph).encode() == text
    except (ValueError, RecursionError) as error:
        raise GraphError(f"the graph is malformed ({type(error).__name__})") from error
    if not same:
        raise GraphError("the graph is malformed: expected the canonical text of its header")
    return graph


def written(graph: Graph) -> str:
    """Return the canonical text of a graph's header."""
    return json.dumps(graph.header())


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

    Names are relative, so that repeated parts are written alike: a computed tensor is named by its
    distance, and a constant by its place among the constants. Neither can be mistaken for a number
    or a text.
    """
    writer = _WiringWriter(graph)
    lines = [writer.line(node) for node in writer.program.nodes]
    return "\n".join([*lines, json.dumps(writer.tensor(writer.program.result))])


class _WiringWriter:
    """Writes the operations of program 0 in their order, and numbers what it meets on the way."""

    def __init__(self, graph: Graph) -> None:
        self.program = graph.programs[0]
        self._layouts = graph.constants
        self._computed = {0: 0}
        """Number of a tensor to its place among those computed so far; the input is the first."""
        self._constants: dict[int, int] = {}
        """Number of a tensor to its place among the constants read so far."""
        self._storages: dict[int, int] = {}
        """Number of a storage to its place among those read so far."""

    def line(self, node: Node) -> str:
        """Return one operation, and count its outputs as computed."""
        changed = set(tensors_in(node.values()))
        named = {name: self._value(value) for name, value in node.kwargs.items()}
        parts = [node.op, self._value(node.args), named]
        # An output is an argument that is changed in place, a new tensor, or none.
        parts += [self.tensor(o) if o in changed else o is None for o in node.outputs]
        for output in node.outputs:
            if output is not None and output not in changed:
                self._computed[output] = len(self._computed)
        return json.dumps(parts)

    def tensor(self, number: int) -> Value:
        """Return the name of a tensor."""
        if number not in self.program.constants:
            return {"tensor": len(self._computed) - self._computed.get(number, 0)}
        if number in self._constants:
            return {"constant": self._constants[number]}
        self._constants[number] = len(self._constants)
        return {"constant": self._layout(self._layouts[self.program.constants[number]])}

    def _layout(self, constant: Constant) -> Value:
        """Return what is written where a constant is read first: its storage's distance, its view.

        The last new storage has the distance -1.
        """
        if constant.storage not in self._storages:
            self._storages[constant.storage] = len(self._storages)
        distance = self._storages[constant.storage] - len(self._storages)
        return [distance, constant.dtype, constant.shape, constant.stride, constant.offset]

    def _value(self, value: Value) -> Value:
        """Return an argument with its tensors' names."""
        if isinstance(value, (list, tuple)):
            return [self._value(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if "tensor" in value:
            return self.tensor(value["tensor"])
        return {kind: self._value(content) for kind, content in value.items()}


def information(text: str) -> int:
    """Return how many bytes a text takes, compressed."""
    return len(zlib.compress(text.encode(), level=9))


def changed(text: str, before: str) -> str:
    """Return the lines of a wiring that an earlier one does not have at the same place.

    Each line is preceded by its distance from the last one that differs.
    """
    pairs = zip_longest(text.split("\n"), before.split("\n"))
    found = [(place, line) for place, (line, old) in enumerate(pairs) if line != old]
    last, lines = 0, []
    for place, line in found:
        lines.append(f"{place - last} {line}")
        last = place
    return "\n".join(lines)


def _parts(record: Node | Constant) -> list[Any]:
    return list(vars(record).values())


def _check_numbers(program: Program) -> None:
    """Check that each tensor number is defined once, before it is read.

    An operation may redefine only its own arguments.
    """
    known = {0, *program.constants}
    if len(known) != 1 + len(program.constants):
        raise GraphError(
            "the graph is malformed: expected no constant with number 0, which is the input"
        )
    for node in program.nodes:
        own = set(tensors_in(node.values()))
        if not own <= known:
            raise GraphError(f"{node.op[:80]} reads an undefined tensor")
        for output in node.outputs:
            if output is not None and output not in own:
                if output in known:
                    raise GraphError(f"{node.op[:80]} writes a tensor that was not given to it")
                known.add(output)
    if program.result not in known:
        raise GraphError("the graph's result is an undefined tensor")


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
