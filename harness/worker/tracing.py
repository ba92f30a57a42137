"""Tracing: record what a network computes, operation by operation. A door to torch.

It runs in the process that ran candidate code, so its result is not trusted: the clean process
replays the graph, and the harness scores the replay.
"""

import functools
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.typing import Array
from harness.worker.graph import MAX_NODES, Constant, Graph, GraphError, Node, Program, Value


class Recorder:
    """Records programs of one network; a tensor that several of them read is kept once."""

    def __init__(self) -> None:
        self._programs: list[Program] = []
        self._constants: dict[Constant, int] = {}
        self._storages: dict[tuple[str, int], int] = {}
        self._kept: list[torch.Tensor] = []

    def record(self, network: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Evaluate the network on a batch, record its operations, and return its answers.

        Raises:
            GraphError: The evaluation cannot be recorded.
        """
        tape = _Tape(inputs)
        fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # else its operations are not counted
        try:
            with torch.no_grad(), tape:
                result = network(inputs)
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
        if not isinstance(result, torch.Tensor):
            raise GraphError(f"expected one tensor, got {type(result).__name__}")
        place = tape.number(result)
        constants = {number: self._constant(t) for number, t in tape.constants.items()}
        self._programs.append(
            Program(
                batch_size=len(inputs), constants=constants, nodes=tuple(tape.nodes), result=place
            )
        )
        return result

    def graph(self) -> Graph:
        """Return everything recorded so far."""
        return Graph(
            programs=tuple(self._programs),
            constants=tuple(self._constants),
            storages=tuple(_bytes_of(tensor) for tensor in self._kept),
        )

    def _constant(self, tensor: torch.Tensor) -> int:
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise GraphError(f"reads a tensor of layout {tensor.layout}: use dense tensors")
        tensor = tensor.resolve_conj().resolve_neg()
        storage = tensor.untyped_storage()
        key = (str(tensor.device), storage.data_ptr() if storage.nbytes() else -1)
        if key not in self._storages:
            self._storages[key] = len(self._kept)
            self._kept.append(tensor)
        constant = Constant(
            storage=self._storages[key],
            dtype=str(tensor.dtype).removeprefix("torch."),
            shape=tuple(tensor.shape),
            stride=tuple(tensor.stride()),
            offset=int(tensor.storage_offset()),
        )
        return self._constants.setdefault(constant, len(self._constants))


class _Tape(TorchDispatchMode):
    """Numbers tensors by identity, and keeps each alive, so that no identity is used twice."""

    def __init__(self, inputs: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.nodes: list[Node] = []
        self.constants: dict[int, torch.Tensor] = {}
        self._numbers: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []
        self._give(inputs)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        if is_composite(func):  # record its parts, as autograd does
            with self:
                return func.decompose(*args, **kwargs)
        outcome = func(*args, **kwargs)
        outputs = outcome if isinstance(outcome, (list, tuple)) else (outcome,)
        tensors = [o if isinstance(o, torch.Tensor) else None for o in outputs]
        if any(t is not None for t in tensors) or func._schema.is_mutable:  # noqa: SLF001
            node = Node(str(func), self._plain(args), self._plain(kwargs), ())
            outputs = tuple(None if t is None else self._give(t) for t in tensors)
            self.nodes.append(Node(node.op, node.args, node.kwargs, outputs))
            if len(self.nodes) > MAX_NODES:
                raise GraphError(f"computes more than {MAX_NODES} operations for one batch")
        return outcome

    def number(self, tensor: torch.Tensor) -> int:
        """Return a tensor's number; one never seen before is a constant."""
        if id(tensor) not in self._numbers:
            self.constants[self._give(tensor)] = tensor
        return self._numbers[id(tensor)]

    def _give(self, tensor: torch.Tensor) -> int:
        if id(tensor) not in self._numbers:
            self._numbers[id(tensor)] = len(self._alive)
            self._alive.append(tensor)
        return self._numbers[id(tensor)]

    def _plain(self, value: Any) -> Value:
        if isinstance(value, torch.Tensor):
            return {"tensor": self.number(value)}
        if isinstance(value, (list, tuple)):
            return [self._plain(item) for item in value]
        if isinstance(value, dict):
            return {str(key): self._plain(item) for key, item in value.items()}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, complex):
            return {"complex": [value.real, value.imag]}
        for kind in (torch.dtype, torch.layout, torch.memory_format, torch.device):
            if isinstance(value, kind):
                return {kind.__name__: str(value).removeprefix("torch.")}
        raise GraphError(f"passes a {type(value).__name__} to an operation")


@functools.cache
def is_composite(func: Any) -> bool:
    """Return whether torch implements an operation by other operations alone."""
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key  # noqa: SLF001 - no public name
    composite = has_kernel(func.name(), "CompositeImplicitAutograd")
    return bool(composite)


def _bytes_of(tensor: torch.Tensor) -> Array:
    """Return the bytes of the whole storage under a tensor."""
    storage = tensor.detach().untyped_storage()
    flat = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage)
    return flat.cpu().numpy().copy()
