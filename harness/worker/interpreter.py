"""Playback a graph, operation by operation, without any candidate code. A door to torch."""

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
"""Files, memory that nobody wrote, and the bits of one number read as others."""
_PRIVATE = re.compile(
    r"aten\._(?:_\w+__|to_copy|unsafe_view|reshape_copy|stack|chunk_cat|cast_\w+|conj\w*|neg_view\w*"
    r"|(?:\w+_)?softmax|native_batch_norm_legit\w*|batch_norm_\w+|fused_rms_norm|weight_norm\w*"
    r"|scaled_dot_product_\w+|(?:efficient|flash|cudnn)_attention_forward|native_multi_head_attention"
    r"|transform\w+_(?:qkv|fwd)|convolution\w*|slow_conv2d_forward|adaptive_avg_pool\dd|pad_circular"
    r"|upsample_\w+|embedding_bag\w*|thnn_fused_\w+_cell|cudnn_rnn|pack_padded_sequence|prelu_kernel"
    r"|addmm_activation|trilinear|[cp]dist_forward|euclidean_dist|(?:int|scaled|grouped)_mm"
    r"|fake_quantize_\w+|fused_moving_avg_\w+|foreach_\w+|logcumsumexp|aminmax|unique2?"
    r"|unsafe_index(?:_put)?|fft_\w+|linalg_\w+|lu_with_info|cholesky_solve_helper"
    r"|compute_linear_combination|is_a\w+_true|assert_\w+|lazy_clone)\.\w+",
    re.ASCII,
)
"""Of the operations that torch keeps for itself, those that layers come down to. Others, such as
``_reshape_alias``, trust their caller and would read beyond a tensor."""
_UNWRITTEN = re.compile(r"aten\.(new_)?empty")
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


class Step:
    """One operation, resolved: what to call, and the tensors that nothing reads after it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.op = _operation(node.op)
        self._unwritten = _UNWRITTEN.match(node.op) is not None
        names = [argument.name for argument in self.op._schema.arguments]  # noqa: SLF001
        if len(node.args) > len(names):
            raise GraphError(f"{node.op} got more arguments than it has")
        self.arguments: dict[str, Value] = dict(zip(names, node.args, strict=False)) | node.kwargs
        self.done_with: list[int] = []
        if torch.Tag.nondeterministic_seeded in self.op.tags and not self._is_told_not_to():
            raise GraphError(f"draws random numbers when it is evaluated ({node.op[:80]})")

    def __call__(self, tensors: dict[int, torch.Tensor], named: Mapping[str, Any]) -> None:
        """Compute, and store what comes out under its numbers."""
        storages = [t.untyped_storage() for t in _tensors_in(named)]
        sizes = [storage.nbytes() for storage in storages]
        outcome = self.op(*list(named.values())[: len(self.node.args)],
                          **{name: named[name] for name in self.node.kwargs})  # fmt: skip
        outputs = outcome if isinstance(outcome, (list, tuple)) else (outcome,)
        if self._unwritten:  # whatever lay there before belongs to nobody's function
            _clear(outputs[0])
        if sizes != [s.nbytes() for s in storages]:
            raise GraphError(f"{self.node.op[:80]} grows a tensor, by memory that nobody wrote")
        for number, output in zip(self.node.outputs, outputs, strict=True):
            if number is not None:
                tensors[number] = _tensor(output)
        for number in self.done_with:
            tensors.pop(number, None)

    def _is_told_not_to(self) -> bool:
        """Whether an operation that may draw random numbers is called so that it does not."""
        defaults = {a.name: a.default_value for a in self.op._schema.arguments}  # noqa: SLF001
        given = defaults | self.arguments
        return given.get("dropout_p") == 0 or False in (given.get("training"), given.get("train"))


class Playback:
    """A graph ready to run on a device; every batch starts from the recorded constants.

    GraphError where the graph cannot be replayed, whatever the reason.
    """

    def __init__(self, graph: Graph, *, device: str) -> None:
        self.graph, self._device = graph, device
        self.steps = [_steps(program) for program in graph.programs]

    def with_storages(self, contents: Mapping[int, Array]) -> "Playback":
        """Return this playback with other bytes in some storages."""
        storages = [contents.get(i, held) for i, held in enumerate(self.graph.storages)]
        return Playback(replace(self.graph, storages=tuple(storages)), device=self._device)

    def logits(self, images: torch.Tensor, *, program: int) -> Array:
        """Return the logits of images, as the network gets them, (n, classes) float32.

        The last batch is filled up with repetitions, for a program knows one batch size.
        """
        size = self.graph.programs[program].batch_size
        pieces = []
        for start in range(0, len(images), size):
            batch = images[torch.arange(start, start + size) % len(images)]
            answer = self.run(batch, program=program)
            pieces.append(_as_logits(answer, size)[: len(images) - start])
        return np.concatenate(pieces)

    def dtypes(self) -> list[str]:
        """Return the floating-point dtypes that the graph names."""
        found: list[Value] = [c.dtype for c in self.graph.constants]
        for step in (step for steps in self.steps for step in steps):
            values = step.arguments.values()
            found += [v["dtype"] for v in values if isinstance(v, dict) and "dtype" in v]
        return [n for n, dtype in DTYPES.items() if dtype.is_floating_point and n in found]

    def run(self, batch: torch.Tensor, *, program: int, watch: Watch | None = None) -> torch.Tensor:
        """Compute one batch of the program's own size."""
        chosen = self.graph.programs[program]
        try:
            with torch.no_grad():
                return self._computed(chosen, self.steps[program], batch, watch)
        except GraphError:
            raise
        except MemoryError:
            raise
        except Exception as error:  # whatever ATen says of an operation that a candidate sent
            raise GraphError(f"{type(error).__name__}: {error}") from error

    def _computed(
        self, program: Program, steps: list[Step], batch: torch.Tensor, watch: Watch | None
    ) -> torch.Tensor:
        storages = [torch.from_numpy(s.copy()).to(self._device) for s in self.graph.storages]
        tensors = {0: batch.to(self._device)}
        for number, index in program.constants.items():
            constant = self.graph.constants[index]
            tensors[number] = _view(storages[constant.storage], constant)
        for place, step in enumerate(steps):
            named = {name: _decoded(v, tensors) for name, v in step.arguments.items()}
            if watch is not None:
                watch(place, named)
            step(tensors, named)
        return tensors[program.result]


def _steps(program: Program) -> list[Step]:
    steps = [Step(node) for node in program.nodes]
    last: dict[int, int] = {}
    for place, step in enumerate(steps):
        for number in (*tensors_in(list(step.arguments.values())), *step.node.outputs):
            if number is not None:
                last[number] = place
    for number, place in last.items():
        if number != program.result:
            steps[place].done_with.append(number)
    return steps


def _clear(tensor: torch.Tensor) -> None:
    """Write zeros wherever the tensor lies, between its elements, too."""
    whole = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    whole.set_(tensor.untyped_storage()).zero_()


def _tensors_in(named: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among an operation's arguments."""
    for value in named.values():
        yield from (v for v in (value if isinstance(value, list) else [value])
                    if isinstance(v, torch.Tensor))  # fmt: skip


def _operation(name: str) -> Any:
    private = name.startswith("aten._") and not _PRIVATE.fullmatch(name)
    if not _NAME.fullmatch(name) or _REFUSED.search(name) or private:
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


def _as_logits(answer: Any, n_images: int) -> Array:
    if not isinstance(answer, torch.Tensor) or answer.dim() != 2 or len(answer) != n_images:  # noqa: PLR2004
        got = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
        raise GraphError(f"expected logits of {n_images} images, got {got}")
    if not answer.is_floating_point():
        raise GraphError(f"expected logits of a floating-point dtype, got {answer.dtype}")
    return answer.float().cpu().numpy().astype("<f4")
