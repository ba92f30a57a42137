"""Count what a function is made of, in a process that never ran candidate code. A door to torch.

The rule for ``n_params``: the elements of all distinct storage that the function reads. An
element that needs more than four bytes counts once per four, so that two weights packed into one
number are two. Running statistics of torch's own batch
normalisation are left out, at most two per channel, where they describe what training images
make of the layer's input; what is left out is ``n_state``.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from harness.graph import Constant, Graph, GraphError, Value, tensors_in
from harness.replay import DTYPES, Replay
from harness.wire import Array

MAX_NUMBERS = 1_000
"""Distinct numbers among the arguments of all operations: more could be weights in disguise."""
_SAMPLE = 256
"""Training images whose activations the running statistics are held against."""
_WORD_BYTES = 4
_NEAR_SHARE = 0.9
_MEAN, _VAR = "running_mean", "running_var"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sizes of a function: elements, and operations per image."""

    n_params: int
    n_state: int
    flops: int
    """Floating-point operations of products and convolutions, as torch counts them."""


def count(replay: Replay, images: torch.Tensor) -> Counts:
    """Count parameters, state and operations of program 0, given training images as it gets them.

    GraphError where numbers in the operations could hold weights.
    """
    graph = replay.graph
    _refuse_many_numbers(graph)
    words: dict[int, int] = {}
    for index in graph.programs[0].constants.values():
        constant = graph.constants[index]
        size = _words(graph.storages[constant.storage], constant.dtype)
        words[constant.storage] = max(size, words.get(constant.storage, 0))
    state = _statistics(replay, images) - _read_otherwise(replay)
    n_state = sum(words[storage] for storage in state)
    batch = images[torch.arange(graph.programs[0].batch_size) % len(images)]
    with FlopCounterMode(display=False) as counter:
        replay.run(batch, program=0)
    return Counts(
        n_params=sum(words.values()) - n_state,
        n_state=n_state,
        flops=counter.get_total_flops() // len(batch),
    )


def _words(storage: Array, dtype: str) -> int:
    """Elements of a storage, those that do not fit into four bytes counted by their bytes."""
    size = DTYPES[dtype].itemsize
    whole = storage[: len(storage) // size * size]
    narrow = {"int64": "i4", "float64": "f4"}.get(dtype)
    if size > _WORD_BYTES and (narrow is None or not _fits(whole.view(dtype), narrow)):
        return -(-len(storage) // _WORD_BYTES)
    return -(-len(storage) // size)


def _fits(values: Array, narrow: str) -> bool:
    with np.errstate(all="ignore"):
        return np.array_equal(values, values.astype(narrow), equal_nan=True)


def _statistics(replay: Replay, images: torch.Tensor) -> set[int]:
    """Return the storages of running statistics that describe these images' activations."""
    graph, program = replay.graph, replay.graph.programs[0]
    steps = replay.steps[0]
    seen: dict[tuple[int, int], _Moments] = {}

    def watch(place: int, named: dict[str, Any]) -> None:
        if not {_MEAN, _VAR, "training"} <= named.keys():
            return
        numbers = [next(tensors_in(steps[place].arguments[n]), -1) for n in (_MEAN, _VAR)]
        mean, var = (program.constants.get(n, -1) for n in numbers)
        if min(mean, var) >= 0:
            seen.setdefault((mean, var), _Moments()).add(named)
            # As in training: else the error of one layer's statistics shows in all that follow.
            named["training"] = True
            named[_MEAN], named[_VAR] = named[_MEAN].clone(), named[_VAR].clone()

    for start in range(0, min(len(images), _SAMPLE), program.batch_size):
        batch = images[torch.arange(start, start + program.batch_size) % len(images)]
        replay.run(batch, program=0, watch=watch)
    honest: set[int] = set()
    for indices, moments in seen.items():
        constants = [graph.constants[i] for i in indices]
        if moments.describe() and all(_fills(c, graph) for c in constants):
            honest |= {c.storage for c in constants}
    return honest


def _fills(constant: Constant, graph: Graph) -> bool:
    size = math.prod(constant.shape) * DTYPES[constant.dtype].itemsize
    return size == graph.storages[constant.storage].nbytes


def _read_otherwise(replay: Replay) -> set[int]:
    """Return the storages that are read as anything but running statistics."""
    found: set[int] = set()
    for program, steps in zip(replay.graph.programs, replay.steps, strict=True):
        for step in steps:
            for name, value in step.arguments.items():
                if name not in {_MEAN, _VAR}:
                    found |= {
                        replay.graph.constants[program.constants[number]].storage
                        for number in tensors_in(value)
                        if number in program.constants
                    }
    return found


class _Moments:
    """Mean and variance per channel of a normalisation's input, over several batches."""

    def __init__(self) -> None:
        self._n, self._sum, self._squares = 0, torch.zeros(()), torch.zeros(())
        self._running = (torch.zeros(()), torch.zeros(()))

    def add(self, named: Mapping[str, Any]) -> None:
        values = named["input"].double().transpose(0, 1).flatten(1)
        self._n += values.shape[1]
        self._sum = self._sum + values.sum(1)
        self._squares = self._squares + values.square().sum(1)
        self._running = (named[_MEAN].double(), named[_VAR].double())

    def describe(self) -> bool:
        """Say whether nine channels of ten lie between where statistics start and these moments.

        They start at mean 0 and variance 1 and move towards what training shows them. Within half
        a standard deviation and a factor of two: after one epoch to six, networks measured were
        within 0.1 and 1.2 (nine channels of ten).
        """
        mean = self._sum / self._n
        var = (self._squares / self._n - mean.square()).clamp(min=0)
        running_mean, running_var = self._running
        deviation = torch.maximum(var, running_var).sqrt() / 2
        low, high = mean.clamp(max=0) - deviation, mean.clamp(min=0) + deviation
        near = (running_mean >= low) & (running_mean <= high)
        near &= (running_var >= var.clamp(max=1) / 2) & (running_var <= var.clamp(min=1) * 2)
        return near.double().mean().item() >= _NEAR_SHARE


def _refuse_many_numbers(graph: Graph) -> None:
    numbers = {
        number
        for program in graph.programs
        for node in program.nodes
        for number in _numbers_in([node.args, node.kwargs])
    }
    if len(numbers) > MAX_NUMBERS:
        raise GraphError(
            f"computes with {len(numbers)} different numbers written into its operations: weights "
            f"belong into tensors"
        )


def _numbers_in(value: Value) -> Iterator[float]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers_in(item)
    elif isinstance(value, dict) and "tensor" not in value:
        yield from _numbers_in(list(value.values()))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
