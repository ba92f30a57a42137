"""FLOP counts: one rule per operation, referenced by the list of operations.

A rule takes an operation's arguments by name and its outputs. Products are counted exactly: two per
multiply-add. Transforms, sorts and decompositions use textbook counts. Any other operation counts
the number of elements read or of elements written, whichever is larger, so that no loop is free. A
complex element counts four times, like its product. Where work depends on values, a rule bounds it
for all values. A door to torch.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

Named = Mapping[str, Any]
Outputs = Sequence[Any]
Flops = Callable[[Named, Outputs], int]

_FAST_PRIMES = 13


def nothing(_: Named, __: Outputs) -> int:
    """Count zero, for a view."""
    return 0


def elements(named: Named, outputs: Outputs) -> int:
    """Count the elements read or the elements written, whichever are more."""
    read = max((_numbers(t) for t in _tensors_in(list(named.values()))), default=0)
    return max(read, sum(_numbers(t) for t in _tensors_in(list(outputs))))


def allocated(named: Named, outputs: Outputs) -> int:
    """Count all elements of new memory, for the gaps of a strided tensor are overwritten, too."""
    whole = outputs[0].untyped_storage().nbytes() // outputs[0].itemsize
    return max(elements(named, outputs), int(whole))


def paired(first: str, second: str) -> Flops:
    """Count every pair of elements that broadcasting forms, even if the output keeps fewer."""

    def rule(named: Named, outputs: Outputs) -> int:
        one, other = named[first], named[second]
        factor = 4 if one.is_complex() or other.is_complex() else 1
        return max(elements(named, outputs), factor * _broadcast(one.shape, other.shape))

    return rule


def filled(named: Named, outputs: Outputs) -> int:
    """Count each write of a constant along one dimension; indices may repeat."""
    target, index = named["self"], named["index"]
    rest = _numbers(target) // max(1, target.shape[named["dim"]] if target.dim() else 1)
    return max(elements(named, outputs), int(index.numel() * rest))


def put(named: Named, outputs: Outputs) -> int:
    """Count each write: indices broadcast, may repeat, and address all of the other dimensions.

    A mask counts as if all of it were true.
    """
    target, indices = named["self"], named["indices"]
    places: list[Sequence[int]] = []
    masked, rest, dim = 1, 4 if target.is_complex() else 1, 0
    for index in indices:
        if index is None:
            rest, dim = rest * target.shape[dim], dim + 1
        elif index.dtype in {torch.bool, torch.uint8}:
            masked, dim = max(masked, index.numel()), dim + index.dim()
        else:
            places, dim = [*places, index.shape], dim + 1
    rest *= math.prod(target.shape[dim:])
    return max(elements(named, outputs), int(_broadcast(*places) * masked * rest))


def _broadcast(*shapes: Sequence[int]) -> int:
    """Return the number of elements of the shape that these shapes broadcast to."""
    return math.prod(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def each(factor: int) -> Flops:
    """Count a constant number of operations per element."""
    return lambda named, outputs: factor * elements(named, outputs)


def powers(named: Named, outputs: Outputs) -> int:
    """Count powers: of integers two products per bit of the exponent, of others a constant number.

    The exponents in a tensor count as the largest of their dtype.
    """
    exponent = named["exponent"]
    if outputs[0].is_complex():
        products = 4
    elif outputs[0].is_floating_point():
        products = 1
    elif isinstance(exponent, torch.Tensor):
        products = 16 * exponent.itemsize
    else:
        products = 2 * int(exponent).bit_length()
    return max(1, products) * elements(named, outputs)


def divided(named: Named, outputs: Outputs) -> int:
    """Count divisions with a remainder: of floats one step per bit of the longest quotient.

    A quotient is as long as the range of the exponents of the dtype. A division without a remainder
    counts one per element.
    """
    if named.get("rounding_mode", "floor") != "floor":
        return elements(named, outputs)
    dtypes = {t.dtype for t in _tensors_in([*named.values(), *outputs]) if t.is_floating_point()}
    steps = max((_longest_quotient(dtype) for dtype in dtypes), default=1)
    return steps * elements(named, outputs)


def _longest_quotient(dtype: torch.dtype) -> int:
    """Return the bits of the largest number of a dtype divided by the smallest above zero."""
    limits = torch.finfo(dtype)
    return math.frexp(limits.max)[1] - math.frexp(limits.smallest_normal * limits.eps)[1] + 1


def inner(left: str) -> Flops:
    """Count a matrix product; each output sums over the last dimension of ``left``."""
    return lambda named, outputs: max(
        elements(named, outputs), _multiplied(outputs[0]) * named[left].shape[-1]
    )


def summed_batches(named: Named, outputs: Outputs) -> int:
    """Count a batched matrix product that is summed over the batch."""
    batch, _, width = named["batch1"].shape
    return max(elements(named, outputs), int(_multiplied(outputs[0]) * batch * width))


def outer(_: Named, outputs: Outputs) -> int:
    """Count an outer product: one multiply-add per output."""
    return _multiplied(outputs[0])


def _multiplied(output: torch.Tensor) -> int:
    """Count one multiply-add per element."""
    return 2 * _numbers(output)


def _numbers(tensor: torch.Tensor) -> int:
    """Count elements; a complex one counts four times, as its product takes four real products."""
    return tensor.numel() * (4 if tensor.is_complex() else 1)


def convolved(named: Named, outputs: Outputs) -> int:
    """Count a convolution: each position multiplies by the whole weight of its group."""
    places = named["input"] if named["transposed"] else outputs[0]
    n_positions = named["input"].shape[0] * math.prod(places.shape[2:])
    # Gaps between the positions of a transposed convolution are written, too.
    return max(elements(named, outputs), int(n_positions * _multiplied(named["weight"])))


def attended(named: Named, _: Outputs) -> int:
    """Count attention: all queries times all keys, and all weights times all values."""
    query, key, value = named["query"], named["key"], named["value"]
    batch = math.prod(query.shape[:-1])
    return int(2 * batch * key.shape[-2] * (query.shape[-1] + value.shape[-1]))


def recurrent(named: Named, outputs: Outputs) -> int:
    """Count one recurrent layer: each step multiplies by both weight matrices."""
    steps, batch, _ = named["input"].shape
    weights = named["weight0"].numel() + named["weight1"].numel()
    return int(2 * steps * batch * weights) + elements(named, outputs)


def recurrent_layers(named: Named, outputs: Outputs) -> int:
    """Count all layers of ``_cudnn_rnn``: each step multiplies by all weights except biases."""
    steps, batch, _ = named["input"].shape  # their product is the same with the batch first
    weights = sum(w.numel() for w in named["weight"] if w.dim() > 1)
    return int(2 * steps * batch * weights) + elements(named, outputs)


def measured_apart(named: Named, outputs: Outputs) -> int:
    """Count pairwise distances: a subtraction, a power and an addition per feature.

    Many points are multiplied as matrices instead, with two more columns for the squared norms.
    """
    width = named["x1"].shape[-1]
    per_distance = max(3 * max(1, width), 2 * (width + 2))
    return max(elements(named, outputs), int(outputs[0].numel() * per_distance))


def affine(named: Named, outputs: Outputs) -> int:
    """Count a grid of affine coordinates: a product with each row of the matrix."""
    return 2 * int(named["theta"].shape[-1]) * elements({}, outputs)


def trilinear(named: Named, _: Outputs) -> int:
    """Count a product of three tensors over all their dimensions."""
    shapes = []
    for number in "123":
        shape = list(named[f"i{number}"].shape)
        for place in sorted(named[f"expand{number}"]):
            shape.insert(place, 1)
        shapes.append(shape)
    factor = 12 if named["i1"].is_complex() else 3
    return factor * math.prod(int(max(sizes)) for sizes in zip(*shapes, strict=True))


def pooled(n_dims: int) -> Flops:
    """Count pooling over ``n_dims`` dimensions: each element of each window."""

    def rule(named: Named, outputs: Outputs) -> int:
        kernel = list(named["kernel_size"])
        window = math.prod(kernel) if len(kernel) > 1 else kernel[0] ** n_dims
        return max(elements(named, outputs), int(outputs[0].numel() * window))

    return rule


def pooled_to_size(named: Named, outputs: Outputs) -> int:
    """Count adaptive pooling: each element of each window; the output size sets the windows."""
    n_dims = len(named["output_size"])
    sizes = zip(named["self"].shape[-n_dims:], outputs[0].shape[-n_dims:], strict=True)
    window = math.prod(math.ceil(i / max(o, 1)) + (i % max(o, 1) > 0) for i, o in sizes)
    return max(elements(named, outputs), int(outputs[0].numel() * window))


def resampled(reach: int) -> Flops:
    """Count an interpolation that reads ``reach`` elements per dimension for each output."""

    def rule(named: Named, outputs: Outputs) -> int:
        n_dims = outputs[0].dim() - 2
        return max(elements(named, outputs), int(outputs[0].numel() * reach**n_dims))

    return rule


def resampled_smoothly(reach: int) -> Flops:
    """Count an antialiased interpolation: windows grow as the output shrinks."""

    def rule(named: Named, outputs: Outputs) -> int:
        source = named["input" if "input" in named else "self"]
        sizes = zip(source.shape[2:], outputs[0].shape[2:], strict=True)
        window = math.prod(math.ceil(reach * max(1, i / max(o, 1))) for i, o in sizes)
        return max(elements(named, outputs), int(outputs[0].numel() * window))

    return rule


def transformed(named: Named, outputs: Outputs) -> int:
    """Count a Fourier transform: 5 n log n, and more for lengths with large prime factors."""
    larger: torch.Tensor = max((named["self"], outputs[0]), key=torch.Tensor.numel)
    lengths, n = [int(larger.shape[d]) for d in named["dim"]], int(larger.numel())
    total = 5 * n * max(1, math.ceil(math.log2(max(math.prod(lengths), 1))))
    return total + sum(n // length * _more_for_primes(length) for length in lengths if length)


def _more_for_primes(length: int) -> int:
    """Count what prime factors above 13, for which no library has a fast transform, add to one.

    They are products with a matrix, or by Bluestein's algorithm three transforms twice as long.
    """
    large, rest, divisor = 0, length, 2
    while rest > 1:
        divisor = divisor if divisor**2 <= rest else rest
        while rest % divisor == 0:
            rest, large = rest // divisor, large + divisor * (divisor > _FAST_PRIMES)
        divisor += 1
    power = (2 * length - 1).bit_length()
    return min(4 * length * large, 3 * 5 * (power << power))


def ordered(named: Named, outputs: Outputs) -> int:
    """Count a sort: n log n along its dimension; without one, along all elements."""
    source = named["self"]
    n = source.shape[named["dim"]] if "dim" in named and source.dim() else source.numel()
    return elements(named, outputs) * max(1, math.ceil(math.log2(max(n, 2))))


def selected(named: Named, outputs: Outputs) -> int:
    """Count a selection of one element along a dimension: all pairs, which some orders take."""
    source = named["self"]
    return elements(named, outputs) * int(source.shape[named["dim"]] if source.dim() else 1)


def searched(named: Named, outputs: Outputs) -> int:
    """Count one binary search per element."""
    bounds = named["boundaries"] if "boundaries" in named else named["sorted_sequence"]
    return elements(named, outputs) * max(1, math.ceil(math.log2(max(bounds.shape[-1], 2))))


def looked_up(named: Named, _: Outputs) -> int:
    """Count a membership test: a sort of both sets together, or all pairs for a small second set.

    ATen's condition decides which (``isin_Tensor_Tensor_out`` in ``TensorCompare.cpp``).
    """
    n_elements, n_tests = named["elements"].numel(), named["test_elements"].numel()
    n = n_elements + n_tests
    compared = n_elements * n_tests if n_tests <= math.ceil(10 * n_elements**0.145) else 0
    return int(max(compared, n * max(1, math.ceil(math.log2(max(n, 2))))))


def decomposed(factor: float, matrix: str = "A") -> Flops:
    """Count a matrix decomposition: ``factor`` m n min(m, n).

    A complete basis has m columns in place of n.
    """

    def rule(named: Named, outputs: Outputs) -> int:
        largest = max(_numbers(t) for t in (named[matrix], *_tensors_in(list(outputs))))
        work = int(factor * largest * min(named[matrix].shape[-2:]))
        return max(elements(named, outputs), work)

    return rule


def solved(factor: float, matrix: str) -> Flops:
    """Count a linear solve: a decomposition, and a sum over n unknowns per element of the solution.

    One matrix may serve many right-hand sides.
    """
    decomposition = decomposed(factor, matrix)

    def rule(named: Named, outputs: Outputs) -> int:
        sums = _multiplied(outputs[0]) * named[matrix].shape[-1]
        if not factor:
            return int(sums)
        return max(elements(named, outputs), decomposition(named, ())) + int(sums)

    return rule


def exponentiated(named: Named, _: Outputs) -> int:
    """Count matrix exponentials: six products each, and one per halving of the matrix's 1-norm.

    A norm that is no number, or too large for one, counts as the largest of the dtype.
    """
    matrix = named["self"]
    if not matrix.numel():
        return 0
    norms = matrix.abs().double().sum(-2).amax(-1)
    most = math.frexp(torch.finfo(matrix.dtype).max)[1]
    halvings = torch.where(norms.isfinite(), torch.frexp(norms).exponent.clamp(min=0), most)
    products = 6 * norms.numel() + int(halvings.sum())
    return int(products * (_multiplied(matrix) // norms.numel()) * matrix.shape[-1])


def _tensors_in(values: Any) -> list[torch.Tensor]:
    return [v for v in tree_leaves(values) if isinstance(v, torch.Tensor)]
