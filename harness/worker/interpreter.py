"""Interpreter of recorded graphs: operation by operation, without candidate code.

A door to torch.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from harness.typing import Array
from harness.worker.graph import Constant, Graph, GraphError, Node, Program, Value, tensors_in

_NAME = re.compile(r"aten\.[A-Za-z_]\w*\.\w+", re.ASCII)
_REFUSED = re.compile(
    r"from_file|save|set_data|record_stream|pin_memory|storage|resize|aten\.set[._]|aten\.view\.dtype"
)
"""Operations on files, on uninitialised memory, and such as read one number's bits as another's."""
_PRIVATE_NAMES = frozenset(
    {
        "__and__", "__iand__", "__ilshift__", "__ior__", "__irshift__", "__ixor__", "__lshift__",
        "__or__", "__rshift__", "__xor__", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d",
        "_addmm_activation", "_aminmax", "_cdist_forward", "_cholesky_solve_helper", "_chunk_cat",
        "_compute_linear_combination", "_cudnn_attention_forward", "_cudnn_rnn",
        "_efficient_attention_forward", "_euclidean_dist", "_flash_attention_forward",
        "_fused_rms_norm", "_grouped_mm", "_int_mm", "_is_all_true", "_is_any_true", "_lazy_clone",
        "_log_softmax", "_logcumsumexp", "_lu_with_info", "_masked_softmax",
        "_native_multi_head_attention", "_pack_padded_sequence", "_pad_circular", "_pdist_forward",
        "_prelu_kernel", "_reshape_copy", "_safe_softmax", "_scaled_mm", "_slow_conv2d_forward",
        "_softmax", "_sparse_log_softmax", "_sparse_softmax", "_stack", "_thnn_fused_gru_cell",
        "_thnn_fused_lstm_cell", "_to_copy", "_transform_bias_rescale_qkv",
        "_transformer_encoder_layer_fwd", "_trilinear", "_unique", "_unique2", "_unsafe_index",
        "_unsafe_index_put", "_unsafe_view",
    }
)  # fmt: skip
"""Operations that torch keeps private and that layers are made of. All others are refused: some,
such as ``_reshape_alias``, trust their caller and would read beyond a tensor."""
_PRIVATE_FAMILIES = (
    "_assert_", "_batch_norm_", "_cast_", "_conj", "_convolution", "_embedding_bag",
    "_fake_quantize_", "_fft_", "_foreach_", "_fused_moving_avg_", "_linalg_",
    "_native_batch_norm_legit", "_neg_view", "_scaled_dot_product_", "_upsample_", "_weight_norm",
)  # fmt: skip
"""Beginnings of further private names that are not refused."""
_UNINITIALISED = re.compile(r"aten\.(new_)?empty")
_TEXT = re.compile(r"[a-z_]{1,20}")
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

_KINDS: dict[str, Callable[[Any], Any]] = {
    "dtype": DTYPES.__getitem__,
    "memory_format": _FORMATS.__getitem__,
    "device": torch.device,
    "layout": {"strided": torch.strided}.__getitem__,
    "complex": lambda parts: complex(*parts),
}

Watch = Callable[[int, dict[str, Any]], None]
"""Called before each operation with its place and its arguments by name, which it may change."""


class Operation:
    """One operation, resolved: what to call, and the tensors that nothing reads after it.

    Raises:
        GraphError: It is not one that is replayed.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.op = _resolved(node.op)
        self._uninitialised = _UNINITIALISED.match(node.op) is not None
        names = [argument.name for argument in self.op._schema.arguments]  # noqa: SLF001
        if len(node.args) > len(names):
            raise GraphError(f"{node.op} got more arguments than it has")
        self.arguments: dict[str, Value] = dict(zip(names, node.args, strict=False)) | node.kwargs
        self.done_with: list[int] = []
        if torch.Tag.nondeterministic_seeded in self.op.tags and not self._is_deterministic():
            raise GraphError(f"draws random numbers when it is evaluated ({node.op[:80]})")

    def __call__(self, tensors: dict[int, torch.Tensor], named: Mapping[str, Any]) -> None:
        """Compute, and store the outputs under their numbers."""
        storages = [t.untyped_storage() for t in _tensors_in(named)]
        sizes = [storage.nbytes() for storage in storages]
        outcome = self.op(*list(named.values())[: len(self.node.args)],
                          **{name: named[name] for name in self.node.kwargs})  # fmt: skip
        outputs = outcome if isinstance(outcome, (list, tuple)) else (outcome,)
        if self._uninitialised:  # else it would hold what lay there before
            _clear(outputs[0])
        if sizes != [s.nbytes() for s in storages]:
            raise GraphError(f"{self.node.op[:80]} grows a tensor, by uninitialised memory")
        for number, output in zip(self.node.outputs, outputs, strict=True):
            if number is not None:
                tensors[number] = _tensor(output)
        for number in self.done_with:
            tensors.pop(number, None)

    def _is_deterministic(self) -> bool:
        """Return whether the arguments of an operation keep it from drawing random numbers."""
        defaults = {a.name: a.default_value for a in self.op._schema.arguments}  # noqa: SLF001
        given = defaults | self.arguments
        return given.get("dropout_p") == 0 or False in (given.get("training"), given.get("train"))


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
        self.operations = [_operations(program) for program in graph.programs]

    def with_storages(self, contents: Mapping[int, Array]) -> "Interpreter":
        """Return an interpreter of the same graph with other bytes in some storages."""
        storages = [contents.get(i, held) for i, held in enumerate(self.graph.storages)]
        return Interpreter(replace(self.graph, storages=tuple(storages)), device=self._device)

    def answers(self, inputs: torch.Tensor, *, program: int, shape: tuple[int, ...]) -> Array:
        """Return the answers to prepared inputs.

        The last batch is filled up with repetitions, for a program has one batch size.

        Args:
            inputs: (n, ...) as the network gets them.
            program: Number of the program to run.
            shape: Shape that the answer to one input must have.

        Returns:
            (n, *shape), float32.
        """
        size = self.graph.programs[program].batch_size
        pieces = []
        for start in range(0, len(inputs), size):
            batch = inputs[torch.arange(start, start + size) % len(inputs)]
            answers = _checked(self.run(batch, program=program), (size, *shape))
            pieces.append(answers[: len(inputs) - start])
        return np.concatenate(pieces)

    def dtypes(self) -> list[str]:
        """Return the floating-point dtypes that the graph names."""
        found: list[Value] = [c.dtype for c in self.graph.constants]
        for operation in (o for operations in self.operations for o in operations):
            values = operation.arguments.values()
            found += [v["dtype"] for v in values if isinstance(v, dict) and "dtype" in v]
        return [n for n, dtype in DTYPES.items() if dtype.is_floating_point and n in found]

    def run(self, batch: torch.Tensor, *, program: int, watch: Watch | None = None) -> torch.Tensor:
        """Compute one batch of the program's own size."""
        chosen = self.graph.programs[program]
        try:
            with torch.no_grad():
                return self._computed(chosen, self.operations[program], batch, watch)
        except GraphError:
            raise
        except MemoryError:
            raise
        except Exception as error:  # anything that ATen raises for a candidate's operation
            raise GraphError(f"{type(error).__name__}: {error}") from error

    def _computed(
        self,
        program: Program,
        operations: list[Operation],
        batch: torch.Tensor,
        watch: Watch | None,
    ) -> torch.Tensor:
        storages = [torch.from_numpy(s.copy()).to(self._device) for s in self.graph.storages]
        tensors = {0: batch.to(self._device)}
        for number, index in program.constants.items():
            constant = self.graph.constants[index]
            tensors[number] = _view(storages[constant.storage], constant)
        for place, operation in enumerate(operations):
            named = {name: _decoded(v, tensors) for name, v in operation.arguments.items()}
            if watch is not None:
                watch(place, named)
            operation(tensors, named)
        return tensors[program.result]


def _operations(program: Program) -> list[Operation]:
    operations = [Operation(node) for node in program.nodes]
    last: dict[int, int] = {}
    for place, operation in enumerate(operations):
        for number in (*tensors_in(list(operation.arguments.values())), *operation.node.outputs):
            if number is not None:
                last[number] = place
    for number, place in last.items():
        if number != program.result:
            operations[place].done_with.append(number)
    return operations


def _clear(tensor: torch.Tensor) -> None:
    """Write zeros wherever the tensor lies, between its elements, too."""
    whole = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    whole.set_(tensor.untyped_storage()).zero_()


def _tensors_in(named: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among an operation's arguments."""
    for value in named.values():
        yield from (v for v in (value if isinstance(value, list) else [value])
                    if isinstance(v, torch.Tensor))  # fmt: skip


def _resolved(name: str) -> Any:
    if not _NAME.fullmatch(name) or _REFUSED.search(name) or not _is_allowed(name.split(".")[1]):
        raise GraphError(f"computes {name[:80]}, which the audit does not replay")
    found: Any = torch.ops
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, torch._ops.OpOverload):  # noqa: SLF001 - no public name
        raise GraphError(f"computes {name[:80]}, which this torch does not have")
    registered = torch._C._dispatch_has_kernel  # noqa: SLF001 - no public name
    if not registered(found.name()):  # type: ignore[no-untyped-call]  # one of TorchScript's own
        raise GraphError(f"computes {name[:80]}, which the audit does not replay")
    return found


def _is_allowed(name: str) -> bool:
    """Return whether an operation is public, or a private one that layers are made of."""
    private = name.startswith("_")
    return not private or name in _PRIVATE_NAMES or name.startswith(_PRIVATE_FAMILIES)


def _tensor(value: Any) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise GraphError(f"takes a {type(value).__name__} for a tensor")
    return value


def _view(storage: torch.Tensor, constant: Constant) -> torch.Tensor:
    dtype = DTYPES.get(constant.dtype)
    if dtype is None:
        raise GraphError(f"reads a tensor of dtype {constant.dtype[:40]}, which is not supported")
    whole = torch.empty(0, dtype=dtype, device=storage.device)
    return whole.set_(storage.untyped_storage(), constant.offset, constant.shape, constant.stride)


def _decoded(value: Value, tensors: Mapping[int, torch.Tensor]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_decoded(item, tensors) for item in value]
    if isinstance(value, str) and not _TEXT.fullmatch(value):
        raise GraphError("passes text to an operation")
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind not in _KINDS:
        raise GraphError(f"passes a {kind[:40]} to an operation")
    return _KINDS[kind](content)


def _checked(answers: torch.Tensor, shape: tuple[int, ...]) -> Array:
    """Return answers as float32; GraphError where they have another shape or no floating dtype."""
    if not isinstance(answers, torch.Tensor) or tuple(answers.shape) != shape:
        got = tuple(answers.shape) if isinstance(answers, torch.Tensor) else type(answers).__name__
        raise GraphError(f"expected answers of shape {shape}, got {got}")
    if not answers.is_floating_point():
        raise GraphError(f"expected answers of a floating-point dtype, got {answers.dtype}")
    return answers.float().cpu().numpy().astype("<f4")
