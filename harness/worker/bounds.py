"""Checks of arguments that ATen does not validate: no operation reads outside its tensors.

Layers call many ATen operations through a public operation that validates the arguments. A recorded
graph names the inner operation and can pass it any arguments. Each check takes an operation's
arguments by name. A door to torch.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from harness.worker.graph import GraphError

Named = Mapping[str, Any]
Check = Callable[[Named], None]
_LSTM = 2
"""``mode`` of a recurrent layer, as cuDNN and oneDNN number them: RNN with ReLU, with tanh, LSTM,
GRU."""
_GATES = (1, 1, 4, 3)
_MATRIX, _IMAGES = 2, 4
_SPATIAL = 2
"""Dimensions of a feature map that precede its height."""


def expect(condition: bool, what: str) -> None:  # noqa: FBT001 - as an assertion
    """Raise GraphError unless the condition holds."""
    if not condition:
        raise GraphError(f"expected {what}")


def quotient(named: Named) -> None:
    """Refuse integer division by -1: negating the smallest integer overflows and traps on a CPU."""
    values = [torch.as_tensor(named[name]) for name in ("self", "other")]
    whole = all(not v.is_floating_point() and not v.is_complex() for v in values)
    stops = whole and named["rounding_mode"] == "trunc" and bool((values[1] == -1).any())
    expect(not stops, "a divisor of integers other than -1")


def batch_norm(named: Named) -> None:
    """Check that weights and statistics have one element per channel."""
    source = named["input"]
    expect(source.dim() >= _MATRIX and source.numel() > 0, "a batch with channels to normalise")
    for name in ("weight", "bias", "running_mean", "running_var"):
        given = named.get(name)
        fits = given is None or (given.shape == (source.shape[1],) and given.is_floating_point())
        expect(fits, f"{name} with one element for each of {source.shape[1]} channels")
    expect((named.get("running_mean") is None) == (named.get("running_var") is None),
           "both running statistics or none")  # fmt: skip
    given_or_batch = named["training"] or named.get("running_mean") is not None
    expect(
        given_or_batch,
        "running statistics, or training mode, which uses the statistics of the batch",
    )


def group_norm(named: Named) -> None:
    """Check that the size arguments match the shape of the input."""
    source, (n, c, places) = named["input"], (named["N"], named["C"], named["HxW"])
    expect(source.dim() >= _MATRIX and source.shape[:2] == (n, c), "the input's batch and channels")
    expect(source.numel() == n * c * places > 0, "the input's number of positions")
    expect(named["group"] > 0 and c % named["group"] == 0, "groups that divide the channels")
    for name in ("weight", "bias"):
        given = named.get(name)
        expect(given is None or given.shape == (c,), f"{name} with one element for each channel")


def layer_norm(named: Named) -> None:
    """Check that the normalised shape is a suffix of the input's shape, and the weights' shape."""
    source, shape = named["input"], tuple(named["normalized_shape"])
    ends = len(shape) > 0 and tuple(source.shape[-len(shape) :]) == shape
    expect(ends and source.numel() > 0, "an input whose last dimensions are the normalised shape")
    for name in ("weight", "bias"):
        given = named.get(name)
        expect(given is None or tuple(given.shape) == shape, f"{name} of the normalised shape")


def weight_norm(named: Named) -> None:
    """Check that the norms ``g`` have the shape of ``v``, with size 1 in all dimensions but one."""
    v, g, dim = named["v"], named["g"], named["dim"]
    expect(v.dim() >= 1 and v.numel() > 0, "a weight of at least one dimension")
    expect(dim in {0, v.dim() - 1}, "the first or the last dimension")
    expect(g.shape == tuple(s if d == dim else 1 for d, s in enumerate(v.shape)), "norms that fit")
    expect(g.dtype == v.dtype or v.dtype in {torch.float16, torch.bfloat16}, "one dtype")


def attention(named: Named) -> None:
    """Check that the shapes of queries, keys, values and mask agree."""
    query, key, value = named["query"], named["key"], named["value"]
    mask = named.get("attn_mask", named.get("attn_bias"))
    for tensor in (query, key, value):
        expect(
            tensor.dim() == _IMAGES and tensor.numel() > 0,
            "tensors of batch, head, position, width",
        )
        expect(tensor.shape[:2] == query.shape[:2] and tensor.dtype == query.dtype,
               "queries, keys and values of one batch, number of heads and dtype")  # fmt: skip
        # With another stride, the kernel skips its products and returns uninitialised memory.
        expect(
            tensor.stride(-1) == 1, "queries, keys and values that are contiguous along their width"
        )
    expect(query.shape[-1] == key.shape[-1] == value.shape[-1], "heads of one width")
    expect(key.shape[-2] == value.shape[-2], "as many keys as values")
    if mask is not None:
        whole = (*query.shape[:-1], key.shape[-2])
        expect(mask.dim() in {_MATRIX, _IMAGES}, "a mask of two or four dimensions")
        fits = all(m in {1, w} for m, w in zip(mask.shape[::-1], whole[::-1], strict=False))
        expect(fits, f"a mask that fits {whole}")


def distances(named: Named) -> None:
    """Check that both sets of points have the same number of features."""
    one, other = named["x1"], named["x2"]
    expect(min(one.dim(), other.dim()) >= _MATRIX, "two sets of points")
    expect(one.shape[-1] == other.shape[-1], "points with the same number of features")
    expect(named.get("compute_mode") in {None, 0, 1, 2}, "a known compute_mode")


def fourier(named: Named) -> None:
    """Check that dimensions exist and differ, and that a half spectrum has the size required."""
    source, dims = named["self"], named["dim"]
    expect(0 < len(dims) == len(set(dims)), "different dimensions")
    expect(all(0 <= d < source.dim() for d in dims), "dimensions of the input")
    expect(
        source.numel() > 0 and named["normalization"] in {0, 1, 2},
        "elements to transform and a known normalisation",
    )
    if "last_dim_size" in named:
        size = named["last_dim_size"]
        expect(source.is_complex(), "complex numbers")
        expect(
            size > 0 and source.shape[dims[-1]] == size // 2 + 1,
            "last_dim_size // 2 + 1 elements in the last dimension",
        )


def trilinear(named: Named) -> None:
    """Check that expanded and summed dimensions are dimensions of the product."""
    n_dims = {named[f"i{k}"].dim() + len(named[f"expand{k}"]) for k in "123"}
    expect(len(n_dims) == 1, "three tensors with the same number of dimensions")
    (most,) = n_dims
    places = [
        named["unroll_dim"],
        *named["sumdim"],
        *(d for k in "123" for d in named[f"expand{k}"]),
    ]
    expect(all(0 <= d < most for d in places), "dimensions of the product")
    expect(all(len(set(named[f"expand{k}"])) == len(named[f"expand{k}"]) for k in "123"),
           "each dimension once")  # fmt: skip


def upsampling(named: Named) -> None:
    """Check that each scale is None or yields the output size."""
    source = named["input" if "input" in named else "self"]
    names = [k for k in ("scales", "scales_d", "scales_h", "scales_w") if k in named]
    expect(source.dim() == _SPATIAL + len(names), "a size for each scale")
    sizes = zip(source.shape[_SPATIAL:], named["output_size"], names, strict=True)
    for given, wanted, name in sizes:
        scale = named[name]
        fits = scale is None or (0 < scale < math.inf and wanted == math.floor(given * scale))
        expect(fits, "scales that yield the output size")


def grid(named: Named) -> None:
    """Check that the modes exist, and that the grid fits the input."""
    source, places = named["input"], named["grid"]
    n_dims = source.dim() - _SPATIAL
    expect(n_dims in {2, 3} and places.dim() == source.dim(), "an input and a grid")
    expect(places.shape[0] == source.shape[0] and places.shape[-1] == n_dims, "a fitting grid")
    expect(source.numel() > 0 and source.dtype == places.dtype, "numbers of one dtype")
    modes = {0, 1, 2} if n_dims == 2 else {0, 1}  # noqa: PLR2004
    expect(named["interpolation_mode"] in modes, "a known interpolation")
    expect(named["padding_mode"] in {0, 1, 2}, "a known padding")


def affine(named: Named) -> None:
    """Check that there is one matrix for each example."""
    theta, size = named["theta"], named["size"]
    n_dims = len(size) - _SPATIAL
    expect(n_dims in {2, 3} and min(size) > 0, "the size of a batch")
    expect(theta.shape == (size[0], n_dims, n_dims + 1), "one matrix for each example")


def search(named: Named) -> None:
    """Refuse a separate sorter argument."""
    expect(named.get("sorter") is None, "a sorted sequence without a sorter")


def own_elements(named: Named) -> None:
    """Check that the tensor is dense and the view stays within its elements."""
    source, size, stride = named["self"], named["size"], named["stride"]
    expect(len(size) == len(stride), "as many strides as sizes")
    expect(min([*size, *stride], default=0) >= 0, "sizes and strides of at least zero")
    start = named.get("storage_offset")
    first = source.storage_offset()
    start = first if start is None else start
    last = start + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    dense = is_dense(source)
    inside = 0 in size or (first <= start and last < first + source.numel())
    expect(dense and inside, "a view of the tensor's own elements")


def is_dense(tensor: torch.Tensor) -> bool:
    """Return whether the elements fill a range of memory without gaps or overlaps."""
    filled = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1:
            if stride != filled:
                return False
            filled *= size
    return tensor.numel() > 0


def recurrent_layer(named: Named) -> None:
    """Check one direction of one layer, in oneDNN's format."""
    source, mode, hidden = named["input"], named["mode"], named["hidden_size"]
    expect(mode == _LSTM and not named["train"], "an LSTM in evaluation mode")
    expect(not named["batch_sizes"], "batches of one length")
    expect(source.dim() == _MATRIX + 1 and source.numel() > 0, "input of step, batch, feature")
    rows, (batch, width) = _GATES[mode] * hidden, source.shape[1:]
    expected = [(rows, width), (rows, hidden), (rows,), (rows,)]
    weights = [named[f"weight{k}"] for k in range(_IMAGES)]
    if not named["has_biases"]:
        expected[_MATRIX:] = [w.shape for w in weights[_MATRIX:]]
    expect([tuple(w.shape) for w in weights] == [tuple(e) for e in expected], "fitting weights")
    for name in ("hx_", "cx_"):
        fits = named[name].numel() == batch * hidden and named[name].shape[-1] == hidden
        expect(fits, "states of batch and width")
    _expect_one_dtype([source, *weights, named["hx_"], named["cx_"]])


def recurrent_layers(named: Named) -> None:
    """Check all layers, in cuDNN's format."""
    source, mode, hidden = named["input"], named["mode"], named["hidden_size"]
    layers, ways = named["num_layers"], 2 if named["bidirectional"] else 1
    expect(mode in range(len(_GATES)) and not named["train"], "a known layer in evaluation mode")
    expect(
        not named["batch_sizes"] and named["proj_size"] == 0,
        "batches of one length, without projection",
    )
    expect(source.dim() == _MATRIX + 1 and source.numel() > 0, "input of step, batch, feature")
    batch = source.shape[0 if named["batch_first"] else 1]
    rows, per_layer = _GATES[mode] * hidden, named["weight_stride0"]
    expect(per_layer in {2, 4} and hidden > 0, "weights, with or without biases")
    expected: list[Sequence[int]] = []
    for layer in range(layers):
        width = hidden * ways if layer else source.shape[-1]
        expected += [(rows, width), (rows, hidden), (rows,), (rows,)][:per_layer] * ways
    weights = named["weight"]
    expect([tuple(w.shape) for w in weights] == expected, "fitting weights")
    whole = named.get("weight_buf")
    enough = whole is None or whole.numel() >= sum(w.numel() for w in weights)
    expect(enough, "a buffer that holds the weights")
    states = [named["hx"], *([] if named.get("cx") is None else [named["cx"]])]
    expect(all(tuple(s.shape) == (layers * ways, batch, hidden) for s in states), "fitting states")
    expect((mode == _LSTM) == (len(states) == 2), "the states of the layer")  # noqa: PLR2004
    _expect_one_dtype([source, *weights, *states, *([] if whole is None else [whole])])


def recurrent_cell(named: Named) -> None:
    """Check one step of an LSTM or a GRU, in the format of the CUDA kernel."""
    gates, state = named["input_gates"], named.get("cx", named.get("hx"))
    n_gates = 4 if "cx" in named else 3
    expect(state is not None and state.dim() == _MATRIX, "a state of batch and width")
    batch, hidden = state.shape
    expect(gates.shape == named["hidden_gates"].shape == (batch, n_gates * hidden), "fitting gates")
    biases = [b for b in (named.get("input_bias"), named.get("hidden_bias")) if b is not None]
    expect(len(biases) in {0, 2}, "both biases or none")
    expect(all(b.shape == (n_gates * hidden,) for b in biases), "fitting biases")
    _expect_one_dtype([gates, named["hidden_gates"], state, *biases])


def _expect_one_dtype(tensors: Sequence[torch.Tensor]) -> None:
    expect(len({t.dtype for t in tensors}) == 1, "tensors of one dtype")
