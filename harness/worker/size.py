"""Sizes of a recorded function, counted in a process that never ran candidate code.

The rule for ``n_params``: the elements of all distinct storage that the function reads. An
element that needs more than four bytes counts once per four, so that two weights packed into one
number are two. Running statistics of torch's own batch normalisation are left out, at most two per
channel and one per counted element, where statistics computed here from training inputs serve as
well; ``n_state`` is what is left out. Wiring, and numbers written into it, count beyond what is
free; what training wrote into it counts from the first byte on. A door to torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from harness.typing import Array
from harness.worker.flops import counted
from harness.worker.graph import changed, information, tensors_in, wiring
from harness.worker.interpreter import DTYPES, Interpreter

FREE_BYTES = (512, 2048)
"""Bytes of compressed wiring that are free, at least and at most; between them as many as the
counted elements take. Beyond it four bytes are a parameter, for weights can hide in numbers, shapes
and order. The seed network takes 850, torchvision's ViT-L/32 1,104, DenseNet-121 1,768."""
_WORD_BYTES = 4
_MEAN, _VAR = "running_mean", "running_var"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sizes of a function.

    Attributes:
        n_params: Parameters, where the function is as good with running statistics that training
            inputs give; then those are left out.
        n_state: Elements of the running statistics that ``n_params`` leaves out.
        n_params_with_state: Parameters, where it is not: running statistics count like weights.
        flops: Operations for one input: those of products and convolutions, and one for each
            element of any other operation.
    """

    n_params: int
    n_state: int
    n_params_with_state: int
    flops: int


def count(
    interpreter: Interpreter, inputs: torch.Tensor, *, outline: str
) -> tuple[Counts, Interpreter]:
    """Count program 0.

    Args:
        interpreter: The recorded function.
        inputs: Prepared training inputs, (n, ...), which give the other running statistics.
        outline: Its wiring before training, as ``harness.worker.graph.wiring`` gives it.

    Returns:
        The counts, and the function with running statistics that the inputs give.

    Raises:
        GraphError: The graph cannot be replayed.
    """
    graph = interpreter.graph
    words: dict[int, int] = {}
    for constant in graph.constants:
        size = _words(graph.storages[constant.storage], constant.dtype)
        words[constant.storage] = max(size, words.get(constant.storage, 0))
    statistics = _statistics(interpreter, inputs)
    n_statistics = sum(words[storage] for storage in statistics)
    n_weights = sum(words.values()) - n_statistics
    n_state = min(n_statistics, n_weights)
    n_counted = n_weights + n_statistics - n_state
    n_wiring = _wiring_bytes(wiring(graph), outline, n_weights) // _WORD_BYTES
    flops = counted(lambda: interpreter.run(_batch(interpreter, inputs, 0), program=0))
    counts = Counts(
        n_params=n_counted + n_wiring,
        n_state=n_state,
        n_params_with_state=n_counted + n_wiring + n_state,
        flops=flops // graph.programs[0].batch_size,
    )
    return counts, interpreter.with_storages(statistics)


def _wiring_bytes(text: str, outline: str, n_weights: int) -> int:
    """Return the bytes of wiring that count: those that are not free, and those learned."""
    least, most = FREE_BYTES
    counted_bytes = max(0, information(text) - min(most, max(least, _WORD_BYTES * n_weights)))
    learned = changed(text, outline)
    return counted_bytes + information(learned) if learned else counted_bytes


def _batch(interpreter: Interpreter, inputs: torch.Tensor, start: int) -> torch.Tensor:
    size = interpreter.graph.programs[0].batch_size
    return inputs[torch.arange(start, start + size) % len(inputs)]


def _words(storage: Array, dtype: str) -> int:
    """Elements of a storage, those that do not fit into four bytes counted by their bytes."""
    size = DTYPES[dtype].itemsize
    whole = storage[: len(storage) // size * size]
    narrow = {"int64": "i4", "float64": "f4"}.get(dtype)
    if size > _WORD_BYTES and (narrow is None or not _fits(whole.view(dtype), narrow)):
        return -(-len(storage) // _WORD_BYTES)
    return -(-len(storage) // size)


def _fits(values: Array, narrow: str) -> bool:
    """Return whether fewer bytes lose nothing; compared by bits, for there are many NaNs."""
    with np.errstate(all="ignore"):
        return values.astype(narrow).astype(values.dtype).tobytes() == values.tobytes()


def _statistics(interpreter: Interpreter, inputs: torch.Tensor) -> dict[int, Array]:
    """Return, for each storage of running statistics, the bytes that these inputs give it.

    Only whole storages that nothing but a batch normalisation reads, and reads as statistics.
    """
    graph, program = interpreter.graph, interpreter.graph.programs[0]
    seen: dict[tuple[int, int], _Moments] = {}

    def watch(place: int, named: dict[str, Any]) -> None:
        if not {_MEAN, _VAR, "training"} <= named.keys() or named["training"]:
            return
        arguments = interpreter.operations[0][place].arguments
        numbers = [next(tensors_in(arguments[name]), -1) for name in (_MEAN, _VAR)]
        mean, var = (program.constants.get(number, -1) for number in numbers)
        if min(mean, var) >= 0:
            seen.setdefault((mean, var), _Moments()).add(named["input"])
            # As in training: else the error of one layer's statistics shows in all that follow.
            named["training"] = True
            named[_MEAN], named[_VAR] = named[_MEAN].clone(), named[_VAR].clone()

    for start in range(0, len(inputs), program.batch_size):
        interpreter.run(_batch(interpreter, inputs, start), program=0, watch=watch)
    found: dict[int, Array] = {}
    for indices, moments in seen.items():
        for index, values in zip(indices, moments.mean_and_var(), strict=True):
            constant = graph.constants[index]
            content = values.to(DTYPES[constant.dtype]).cpu().numpy().tobytes()
            if constant.offset == 0 and len(content) == graph.storages[constant.storage].nbytes:
                found[constant.storage] = np.frombuffer(content, "u1")
    return {s: c for s, c in found.items() if s not in _read_otherwise(interpreter)}


def _read_otherwise(interpreter: Interpreter) -> set[int]:
    """Return the storages that are read as anything but running statistics."""
    found: set[int] = set()
    for program, operations in zip(interpreter.graph.programs, interpreter.operations, strict=True):
        for operation in operations:
            for name, value in operation.arguments.items():
                if name not in {_MEAN, _VAR}:
                    found |= {
                        interpreter.graph.constants[program.constants[number]].storage
                        for number in tensors_in(value)
                        if number in program.constants
                    }
    return found


class _Moments:
    """Mean and variance per channel of a normalisation's input, over several batches."""

    def __init__(self) -> None:
        self._n, self._sum, self._squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, values: torch.Tensor) -> None:
        by_channel = values.double().transpose(0, 1).flatten(1)
        self._n += by_channel.shape[1]
        self._sum = self._sum + by_channel.sum(1)
        self._squares = self._squares + by_channel.square().sum(1)

    def mean_and_var(self) -> tuple[torch.Tensor, torch.Tensor]:
        mean = self._sum / self._n
        return mean, (self._squares / self._n - mean.square()).clamp(min=0)
