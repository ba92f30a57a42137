"""Floating-point operations of one operation: the rules that the list of operations names.

A rule gets an operation's arguments by name and its outputs. Products count exactly, two for each
multiplication and its addition; transforms, sorts and decompositions as textbooks count them; every
other operation one for each element that it reads or writes, whichever are more, so that no loop is
free. A door to torch.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

Named = Mapping[str, Any]
Outputs = Sequence[Any]
Flops = Callable[[Named, Outputs], int]


def nothing(_: Named, __: Outputs) -> int:
    """Count a view."""
    return 0


def elements(named: Named, outputs: Outputs) -> int:
    """Count the elements read or written, whichever are more."""
    read = max((t.numel() for t in _tensors_in(list(named.values()))), default=0)
    return max(read, sum(t.numel() for t in _tensors_in(list(outputs))))


def each(factor: int) -> Flops:
    """Count several operations for each element."""
    return lambda named, outputs: factor * elements(named, outputs)


def inner(left: str) -> Flops:
    """Count a product of which each output sums over the last dimension of ``left``."""
    return lambda named, outputs: _multiplied(outputs[0]) * named[left].shape[-1]


def summed_batches(named: Named, outputs: Outputs) -> int:
    """Count a product of batches that are summed."""
    batch, _, width = named["batch1"].shape
    return int(_multiplied(outputs[0]) * batch * width)


def outer(named: Named, outputs: Outputs) -> int:
    """Count a product of which each output is one multiplication and one addition."""
    del named
    return _multiplied(outputs[0])


def _multiplied(output: torch.Tensor) -> int:
    """Count a multiplication and an addition for each element; complex ones take four of both."""
    return output.numel() * (8 if output.is_complex() else 2)


def convolved(named: Named, outputs: Outputs) -> int:
    """Count a convolution: each place multiplies by the whole weight of its group."""
    places = named["input"] if named["transposed"] else outputs[0]
    return int(2 * named["input"].shape[0] * math.prod(places.shape[2:]) * named["weight"].numel())


def attended(named: Named, _: Outputs) -> int:
    """Count products of all queries with all keys, and of all weights with all values."""
    query, key, value = named["query"], named["key"], named["value"]
    batch = math.prod(query.shape[:-1])
    return int(2 * batch * key.shape[-2] * (query.shape[-1] + value.shape[-1]))


def recurrent(named: Named, outputs: Outputs) -> int:
    """Count one layer that multiplies by both weight matrices at each step."""
    steps, batch, _ = named["input"].shape
    weights = named["weight0"].numel() + named["weight1"].numel()
    return int(2 * steps * batch * weights) + elements(named, outputs)


def recurrent_layers(named: Named, outputs: Outputs) -> int:
    """Count all layers of ``_cudnn_rnn``: each step multiplies by all weights but the biases."""
    steps, batch, _ = named["input"].shape  # their product is the same with the batch first
    weights = sum(w.numel() for w in named["weight"] if w.dim() > 1)
    return int(2 * steps * batch * weights) + elements(named, outputs)


def measured_apart(named: Named, outputs: Outputs) -> int:
    """Count a distance: a subtraction, a power and an addition for each feature."""
    return int(3 * outputs[0].numel() * max(1, named["x1"].shape[-1]))


def trilinear(named: Named, _: Outputs) -> int:
    """Count a product of three tensors over all their dimensions."""
    shapes = []
    for number in "123":
        shape = list(named[f"i{number}"].shape)
        for place in sorted(named[f"expand{number}"]):
            shape.insert(place, 1)
        shapes.append(shape)
    return 3 * math.prod(int(max(sizes)) for sizes in zip(*shapes, strict=True))


def pooled(named: Named, outputs: Outputs) -> int:
    """Count each element of each window."""
    kernel, dims = list(named["kernel_size"]), outputs[0].dim()
    spatial = 3 if dims == 5 else 2  # noqa: PLR2004 - (n, c, d, h, w)
    window = math.prod(kernel) if len(kernel) > 1 else kernel[0] ** spatial
    return max(elements(named, outputs), int(outputs[0].numel() * window))


def pooled_to_size(named: Named, outputs: Outputs) -> int:
    """Count each element of each window, where windows follow from the output's size."""
    n_dims = len(named["output_size"])
    sizes = zip(named["self"].shape[-n_dims:], outputs[0].shape[-n_dims:], strict=True)
    window = math.prod(math.ceil(i / max(o, 1)) + (i % max(o, 1) > 0) for i, o in sizes)
    return max(elements(named, outputs), int(outputs[0].numel() * window))


def resampled(reach: int) -> Flops:
    """Count an interpolation that reads ``reach`` elements in each direction for an output."""

    def rule(named: Named, outputs: Outputs) -> int:
        source = named["input"] if "input" in named else named["self"]
        n_dims = source.dim() - 2
        return max(elements(named, outputs), int(outputs[0].numel() * reach**n_dims))

    return rule


def resampled_smoothly(reach: int) -> Flops:
    """Count an interpolation whose windows grow as the output shrinks."""

    def rule(named: Named, outputs: Outputs) -> int:
        source = named["input" if "input" in named else "self"]
        sizes = zip(source.shape[2:], outputs[0].shape[2:], strict=True)
        window = math.prod(math.ceil(reach * max(1, i / max(o, 1))) for i, o in sizes)
        return max(elements(named, outputs), int(outputs[0].numel() * window))

    return rule


def transformed(named: Named, outputs: Outputs) -> int:
    """Count a Fourier transform: 5 n log n."""
    larger: torch.Tensor = max((named["self"], outputs[0]), key=torch.Tensor.numel)
    n = math.prod(larger.shape[d] for d in named["dim"])
    return 5 * int(larger.numel()) * max(1, math.ceil(math.log2(max(n, 1))))


def ordered(named: Named, outputs: Outputs) -> int:
    """Count a sort along one dimension: n log n."""
    source = named["self"]
    dim = named.get("dim", -1)
    n = source.shape[-1 if dim is None else dim] if source.dim() else 1
    return elements(named, outputs) * max(1, math.ceil(math.log2(max(n, 2))))


def searched(named: Named, outputs: Outputs) -> int:
    """Count a binary search for each element."""
    bounds = named["boundaries"] if "boundaries" in named else named["sorted_sequence"]
    return elements(named, outputs) * max(1, math.ceil(math.log2(max(bounds.shape[-1], 2))))


def decomposed(factor: float, matrix: str = "A", right: str | None = None) -> Flops:
    """Count a decomposition or solution: ``factor`` m n min(m, n), and 2 m n for each column."""

    def rule(named: Named, outputs: Outputs) -> int:
        *batch, m, n = named[matrix].shape
        columns = _columns(named[right]) if right is not None else 0
        flops = factor * m * n * min(m, n) + 2 * m * n * columns
        return max(elements(named, outputs), int(math.prod(batch) * flops))

    return rule


def exponentiated(named: Named, _: Outputs) -> int:
    """Count a matrix exponential: six products, and one for each halving of the norm."""
    matrix = named["self"]
    *batch, n, _ = matrix.shape
    norm = float(matrix.abs().sum(-1).max()) if matrix.numel() else 0.0
    halvings = max(0, math.frexp(norm)[1]) if math.isfinite(norm) else 0
    return int(2 * math.prod(batch) * n**3 * (6 + halvings))


def _columns(right: torch.Tensor) -> int:
    return 1 if right.dim() == 1 else int(right.shape[-1])


def _tensors_in(values: Any) -> list[torch.Tensor]:
    return [v for v in tree_leaves(values) if isinstance(v, torch.Tensor)]
