"""Running statistics that need not be counted, because training inputs determine them.

The clean process replaces them with statistics of inputs of its own choice. The replacement carries
no information over: while the new statistics are computed, the old ones are zeros, and every
normalisation concerned uses batch statistics, as in training. A door to torch.
"""

from typing import Any

import numpy as np
import torch

from harness.typing import Array
from harness.worker.arguments import DTYPES
from harness.worker.graph import tensors_in
from harness.worker.interpreter import Interpreter, Operation
from harness.worker.operations import EXCHANGED

_MEAN, _VAR = "running_mean", "running_var"

Pair = tuple[int, int]
"""Storages of the means and of the variances of one normalisation."""


def statistics_from(interpreter: Interpreter, inputs: torch.Tensor) -> dict[int, Array]:
    """Return the recomputed bytes of each storage of running statistics.

    A storage holds running statistics if every reader, in every program, is a listed normalisation
    in evaluation mode that reads all of it, always paired with the same other storage.
    """
    readings = _Readings(interpreter)
    pairs, exempt = readings.pairs, readings.exempt()
    storages = interpreter.graph.storages
    blank = interpreter.with_storages({s: np.zeros_like(storages[s]) for s in exempt})
    moments: dict[Pair, _Moments] = {}

    def watch(place: int, named: dict[str, Any]) -> None:
        if place in pairs:
            moments.setdefault(pairs[place], _Moments()).add(named["input"])
            # As in training: otherwise an error of one layer's statistics affects all later layers.
            named["training"] = True
            named[_MEAN], named[_VAR] = named[_MEAN].clone(), named[_VAR].clone()

    size = interpreter.graph.programs[0].batch_size
    for start in range(0, len(inputs), size) if exempt else ():
        batch = inputs[torch.arange(start, start + size) % len(inputs)]
        blank.run(batch, program=0, watch=watch)
    dtypes = {c.storage: DTYPES[c.dtype] for c in interpreter.graph.constants}
    return {
        storage: np.frombuffer(values.to(dtypes[storage]).cpu().numpy().tobytes(), "u1")
        for pair, found in moments.items()
        for storage, values in zip(pair, found.mean_and_var(), strict=True)
        if storage in exempt
    }


class _Readings:
    """Readers of the storages of a graph.

    Attributes:
        pairs: Storages of each normalisation of program 0 with running statistics, by the
            operation's position.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter, self._graph = interpreter, interpreter.graph
        self._whole = {
            index for index, c in enumerate(self._graph.constants)
            if c.offset == 0 and len(c.shape) == 1 and c.stride == (1,)
            and c.shape[0] * DTYPES[c.dtype].itemsize == self._graph.storages[c.storage].nbytes
        }  # fmt: skip
        found = {p: self._pair_of(0, o) for p, o in enumerate(interpreter.operations[0])}
        self.pairs = {place: pair for place, pair in found.items() if pair is not None}

    def exempt(self) -> set[int]:
        """Return the storages that hold running statistics and nothing else."""
        partners: dict[int, set[Pair]] = {}
        for pair in self.pairs.values():
            for storage in pair:
                partners.setdefault(storage, set()).add(pair)
        alone = {storage for storage, pairs in partners.items() if len(pairs) == 1}
        return alone - self._read_otherwise()

    def _read_otherwise(self) -> set[int]:
        """Return the storages that are read by another operation or as another argument."""
        found: set[int] = set()
        for number, operations in enumerate(self._interpreter.operations):
            program = self._graph.programs[number]
            read = [program.result]
            for operation in operations:
                as_statistics = self._pair_of(number, operation) is not None
                read += [
                    tensor for name, value in operation.arguments.items()
                    if not (as_statistics and name in {_MEAN, _VAR}) for tensor in tensors_in(value)
                ]  # fmt: skip
            constants = {
                program.constants[tensor] for tensor in read if tensor in program.constants
            }
            found |= {self._graph.constants[index].storage for index in constants}
        return found

    def _pair_of(self, program: int, operation: Operation) -> Pair | None:
        """Return the storages of a normalisation's statistics; None if they must be counted."""
        arguments = operation.arguments
        if operation.node.op not in EXCHANGED or arguments.get("training") is not False:
            return None
        constants = self._graph.programs[program].constants
        indices = [
            constants.get(n, -1) for name in (_MEAN, _VAR) for n in tensors_in(arguments[name])
        ]
        if len(indices) != 2 or not set(indices) <= self._whole:  # noqa: PLR2004 - mean, variance
            return None
        mean, var = (self._graph.constants[index].storage for index in indices)
        return None if mean == var else (mean, var)


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
