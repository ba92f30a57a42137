"""Sizes of a recorded function, counted in a process that never ran candidate code.

The rule for ``n_params``: the elements of all distinct storage that the function reads. An
element that needs more than four bytes counts once per four, so that two weights packed into one
number are two. Running statistics of torch's own batch normalisation are left out, at most two per
channel and one per counted element, where statistics computed here from training inputs serve as
well; ``n_state`` is what is left out. Wiring, and numbers written into it, count beyond what is
free; what training wrote into it counts from the first byte on. A door to torch.
"""

from dataclasses import dataclass

import numpy as np
import torch

from harness.typing import Array
from harness.worker.arguments import DTYPES
from harness.worker.graph import changed, information, wiring
from harness.worker.interpreter import Interpreter, per_input
from harness.worker.running_statistics import statistics_from

FREE_BYTES = (512, 2048)
"""Bytes of compressed wiring that are free, at least and at most; between them as many as the
counted elements take. Beyond it four bytes are a parameter, for weights can hide in numbers, shapes
and order. The seed network takes 850, torchvision's ViT-L/32 1,104, DenseNet-121 1,768."""
_WORD_BYTES = 4


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
        held = _words(graph.storages[constant.storage], constant.dtype)
        words[constant.storage] = max(held, words.get(constant.storage, 0))
    statistics = statistics_from(interpreter, inputs)
    n_statistics = sum(words[storage] for storage in statistics)
    n_weights = sum(words.values()) - n_statistics
    n_state = min(n_statistics, n_weights)
    n_counted = n_weights + n_statistics - n_state
    n_wiring = _wiring_bytes(wiring(graph), outline, n_weights) // _WORD_BYTES
    flops: list[int] = []
    size = graph.programs[0].batch_size
    interpreter.run(inputs[torch.arange(size) % len(inputs)], program=0, tally=flops.append)
    counts = Counts(
        n_params=n_counted + n_wiring,
        n_state=n_state,
        n_params_with_state=n_counted + n_wiring + n_state,
        flops=per_input(flops, size),
    )
    return counts, interpreter.with_storages(statistics)


def _wiring_bytes(text: str, outline: str, n_weights: int) -> int:
    """Return the bytes of wiring that count: those that are not free, and those learned."""
    least, most = FREE_BYTES
    counted_bytes = max(0, information(text) - min(most, max(least, _WORD_BYTES * n_weights)))
    learned = changed(text, outline)
    return counted_bytes + information(learned) if learned else counted_bytes


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
