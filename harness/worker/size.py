"""Count what a function is made of, in a process that never ran candidate code. A door to torch.

The rule for ``n_params``: the elements of all distinct storage that the function reads. An
element that needs more than four bytes counts once per four, so that two weights packed into one
number are two. Running statistics of torch's own batch normalisation are left out, at most two per
channel and one per counted element, where statistics computed here from training images would
serve as well; what is left out is ``n_state``. Wiring, and numbers written into it, count beyond
what is free; what training wrote into it counts from the first byte on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from harness.typing import Array
from harness.worker.flops import counted
from harness.worker.graph import changed, information, tensors_in, wiring
from harness.worker.interpreter import DTYPES, Playback

FREE_BYTES = (512, 2048)
"""Wiring may take so much, compressed, at least and at most, and between them as much as the
counted elements do; beyond it four bytes are a parameter, for weights can hide in numbers, shapes
and order. The seed network takes 850, torchvision's ViT-L/32 1,104, DenseNet-121 1,768."""
_WORD_BYTES = 4
_MEAN, _VAR = "running_mean", "running_var"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sizes of a function: elements, and operations per image."""

    n_params: int
    n_state: int
    flops: int
    """Operations of products and convolutions, and one for each element of any other operation."""


def count(playback: Playback, images: torch.Tensor, *, outline: str) -> tuple[Counts, Playback]:
    """Count program 0, given training images as it gets them, and return it recalibrated.

    outline: how it was wired before training, in the words of ``harness.worker.graph.wiring``.
    ``n_params`` leaves all running statistics out. It may, as long as the function is as good with
    statistics that come from these images instead, which is what the second value computes.
    GraphError where the graph cannot be replayed.
    """
    graph = playback.graph
    words: dict[int, int] = {}
    for constant in graph.constants:
        size = _words(graph.storages[constant.storage], constant.dtype)
        words[constant.storage] = max(size, words.get(constant.storage, 0))
    statistics = _statistics(playback, images)
    n_state = sum(words[storage] for storage in statistics)
    n_weights = sum(words.values()) - n_state
    excess = max(0, n_state - n_weights)
    text = wiring(graph)
    least, most = FREE_BYTES
    beyond = max(0, information(text) - min(most, max(least, _WORD_BYTES * n_weights)))
    learned = changed(text, outline)
    if learned:
        beyond += information(learned)
    flops = counted(lambda: playback.run(_batch(playback, images, 0), program=0))
    counts = Counts(
        n_params=n_weights + excess + beyond // _WORD_BYTES,
        n_state=n_state - excess,
        flops=flops // graph.programs[0].batch_size,
    )
    return counts, playback.with_storages(statistics)


def _batch(playback: Playback, images: torch.Tensor, start: int) -> torch.Tensor:
    size = playback.graph.programs[0].batch_size
    return images[torch.arange(start, start + size) % len(images)]


def _words(storage: Array, dtype: str) -> int:
    """Elements of a storage, those that do not fit into four bytes counted by their bytes."""
    size = DTYPES[dtype].itemsize
    whole = storage[: len(storage) // size * size]
    narrow = {"int64": "i4", "float64": "f4"}.get(dtype)
    if size > _WORD_BYTES and (narrow is None or not _fits(whole.view(dtype), narrow)):
        return -(-len(storage) // _WORD_BYTES)
    return -(-len(storage) // size)


def _fits(values: Array, narrow: str) -> bool:
    """Say whether fewer bytes lose nothing; compared by bits, for there are many NaNs."""
    with np.errstate(all="ignore"):
        return values.astype(narrow).astype(values.dtype).tobytes() == values.tobytes()


def _statistics(playback: Playback, images: torch.Tensor) -> dict[int, Array]:
    """Return, for each storage of running statistics, the bytes that these images give it.

    Only whole storages that nothing but a batch normalisation reads, and reads as statistics.
    """
    graph, program = playback.graph, playback.graph.programs[0]
    seen: dict[tuple[int, int], _Moments] = {}

    def watch(place: int, named: dict[str, Any]) -> None:
        if not {_MEAN, _VAR, "training"} <= named.keys() or named["training"]:
            return
        arguments = playback.steps[0][place].arguments
        numbers = [next(tensors_in(arguments[name]), -1) for name in (_MEAN, _VAR)]
        mean, var = (program.constants.get(number, -1) for number in numbers)
        if min(mean, var) >= 0:
            seen.setdefault((mean, var), _Moments()).add(named["input"])
            # As in training: else the error of one layer's statistics shows in all that follow.
            named["training"] = True
            named[_MEAN], named[_VAR] = named[_MEAN].clone(), named[_VAR].clone()

    for start in range(0, len(images), program.batch_size):
        playback.run(_batch(playback, images, start), program=0, watch=watch)
    found: dict[int, Array] = {}
    for indices, moments in seen.items():
        for index, values in zip(indices, moments.mean_and_var(), strict=True):
            constant = graph.constants[index]
            content = values.to(DTYPES[constant.dtype]).cpu().numpy().tobytes()
            if constant.offset == 0 and len(content) == graph.storages[constant.storage].nbytes:
                found[constant.storage] = np.frombuffer(content, "u1")
    return {s: c for s, c in found.items() if s not in _read_otherwise(playback)}


def _read_otherwise(playback: Playback) -> set[int]:
    """Return the storages that are read as anything but running statistics."""
    found: set[int] = set()
    for program, steps in zip(playback.graph.programs, playback.steps, strict=True):
        for step in steps:
            for name, value in step.arguments.items():
                if name not in {_MEAN, _VAR}:
                    found |= {
                        playback.graph.constants[program.constants[number]].storage
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
