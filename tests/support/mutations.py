"""Graphs changed at random, value by value: arguments, operations, wiring, tensors and contents."""

import copy
import json

import numpy as np
import torch

from harness.worker.arguments import DTYPES

EXTREMES = (
    -1, 0, 1, 2, 3, 7, -2, 16, 100, 1000, 2**15, 2**31 - 1, 2**31, -(2**31), 2**32 + 1, 2**40,
    2**62, 2**63 - 1, -(2**63), 2**63,
)  # fmt: skip
NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, 1e308, -1e308)
TEXTS = (
    "none", "tanh", "mean", "sum", "trunc", "floor", "prod", "amax", "amin", "add", "multiply",
    "left", "right", "L", "U", "reduced", "complete", "r",
)  # fmt: skip
MOST_CALLS, MOST_ELEMENTS, MOST_BYTES = 4, 1 << 16, 1 << 20
SIZES = (0, 1, 2, 3, 5, 8, 16, 33)


def changed_graph(header, payload, rng, others=()):
    """Return a header and bytes after one to four random changes.

    Args:
        header: JSON values, which are left as they are.
        payload: (n,) uint8.
        rng: Decides.
        others: Names of operations that may take the place of another.
    """
    header, payload = copy.deepcopy(header), payload.copy()
    for _ in range(int(rng.choice([1, 1, 1, 2, 2, 3, 4]))):
        change = _CHANGES[int(rng.integers(len(_CHANGES)))]
        payload = change(header, payload, rng, others)
    return header, payload


def _nodes(header, rng):
    return header["programs"][int(rng.integers(len(header["programs"])))][2]


def _node(header, rng):
    nodes = _nodes(header, rng)
    return nodes[int(rng.integers(len(nodes)))] if nodes else ["aten.relu.default", [], {}, []]


def _argument(header, payload, rng, others):
    """Another value for an argument, or for a part of it."""
    del others
    node = _node(header, rng)
    places = list(_places(node[1])) + list(_places(node[2]))
    if places:
        held, key = places[int(rng.integers(len(places)))]
        held[key] = _another(held[key], header, rng)
    return payload


def _places(held):
    """Yield where values lie, however deep."""
    pairs = held.items() if isinstance(held, dict) else enumerate(held)
    for key, value in list(pairs):
        yield held, key
        if isinstance(value, (list, dict)):
            yield from _places(value)


def _another(value, header, rng):
    tensors = [number for number, _ in header["programs"][0][1]] + [0]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        near = value + int(rng.choice([-2, -1, 1, 2]))
        return int(rng.choice([near, -value])) if rng.random() < 0.3 else _extreme(rng)
    if isinstance(value, float):
        return float(rng.choice(NUMBERS))
    if isinstance(value, str):
        return str(rng.choice([*TEXTS, *DTYPES]))
    if isinstance(value, list):
        return _other_list(value, rng)
    options = [None, _extreme(rng), bool(rng.integers(2)), {"tensor": int(rng.choice(tensors))},
               [_extreme(rng)] * int(rng.integers(4)), float(rng.choice(NUMBERS)),
               {"dtype": str(rng.choice(list(DTYPES)))}, [{"tensor": int(rng.choice(tensors))}]]  # fmt: skip
    return options[int(rng.integers(len(options)))]


def _extreme(rng):
    return EXTREMES[int(rng.integers(len(EXTREMES)))]


def _other_list(values, rng):
    values = list(values)
    place = int(rng.integers(len(values) + 1))
    match int(rng.integers(4)):
        case 0:
            del values[place : place + 1]
        case 1:
            values[place:place] = values[:1] or [_extreme(rng)]
        case 2:
            rng.shuffle(values)
        case _:
            if place < len(values) and isinstance(values[place], (int, float)):
                values[place] = _extreme(rng)
    return values


def _operation(header, payload, rng, others):
    """Another operation, with the arguments of the first."""
    if others:
        _node(header, rng)[0] = str(rng.choice(others))
    return payload


def _exchanged(header, payload, rng, others):
    """Another tensor for one."""
    del others
    nodes = _nodes(header, rng)
    known = [0, *(number for number, _ in header["programs"][0][1])]
    known += [o for node in nodes for o in node[3] if o is not None]
    node = _node(header, rng)
    places = [(h, k) for h, k in (*_places(node[1]), *_places(node[2])) if k == "tensor"]
    if places:
        held, key = places[int(rng.integers(len(places)))]
        held[key] = int(rng.choice(known))
    return payload


def _order(header, payload, rng, others):
    """A node left out, written twice, or exchanged with another."""
    del others
    nodes = _nodes(header, rng)
    if len(nodes) > 1:
        one, other = (int(k) for k in rng.integers(0, len(nodes), 2))
        match int(rng.integers(4)):
            case 0:
                del nodes[one]
            case 1:
                nodes.insert(other, copy.deepcopy(nodes[one]))
            case 2:
                nodes[one], nodes[other] = nodes[other], nodes[one]
            case _:
                with_result_of(header, nodes[one], rng)
    return payload


def with_result_of(header, node, rng):
    """Let program 0 give an output of a node, or an argument, which the node may have changed."""
    known = [o for o in node[3] if o is not None] * 2 + _numbers([node[1], node[2]])
    if known:
        header["programs"][0][3] = int(rng.choice(known))


def _batch_size(header, payload, rng, others):
    del others
    program = header["programs"][int(rng.integers(len(header["programs"])))]
    program[0] = int(rng.choice([0, 1, 2, 3, 7, 64, 2**31]))
    return payload


def _layout(header, payload, rng, others):
    """Another shape, stride or offset of a constant, within its storage or beyond."""
    del others
    if not header["constants"]:
        return payload
    constant = header["constants"][int(rng.integers(len(header["constants"])))]
    shape, stride = list(constant[2]), list(constant[3])
    place = int(rng.integers(len(shape))) if shape else 0
    match int(rng.integers(6)):
        case 0 if shape:
            shape[place] = int(rng.choice([*SIZES, 2**31, 2**62]))
        case 1 if shape:
            stride[place] = int(rng.choice([0, 0, 0, *SIZES, 2**31, 2**62]))
        case 2 if shape:
            del shape[place], stride[place]
        case 3:
            shape.insert(place, int(rng.choice([0, 1, 2, 3])))
            stride.insert(place, int(rng.choice([0, 1])))
        case 4 if shape:
            places = rng.permutation(len(shape))
            shape, stride = [shape[k] for k in places], [stride[k] for k in places]
        case _:
            constant[4] = int(rng.choice([0, 1, 2, 5, 2**31, 2**62]))
    constant[2], constant[3] = shape, stride
    return payload


def _strides(header, payload, rng, others):
    """Other strides for a constant: gaps, overlaps, another order; its storage grows with them."""
    del others
    if not header["constants"]:
        return payload
    constant = header["constants"][int(rng.integers(len(header["constants"])))]
    shape, dtype = constant[2], DTYPES.get(constant[1])
    if dtype is None or not all(0 <= n < MOST_ELEMENTS for n in shape):
        return payload
    stride = [int(rng.choice([0, 1, 2, n, *shape, *constant[3]])) for n in shape]
    extent = constant[4] + 1 + sum(max(n - 1, 0) * s for n, s in zip(shape, stride, strict=True))
    if extent > MOST_ELEMENTS:
        return payload
    constant[3] = stride
    return _resized(header, payload, constant[0], extent * dtype.itemsize)


def _resized(header, payload, storage, size):
    """Repeat the bytes of a storage, or cut them."""
    ends = np.cumsum([0, *header["storages"]])
    start, end = ends[storage], ends[storage + 1]
    content = np.resize(payload[start:end], size) if end > start else np.zeros(size, "u1")
    header["storages"][storage] = size
    return np.concatenate([payload[:start], content, payload[end:]])


def _dtype(header, payload, rng, others):
    """Another dtype for a constant, whose storage grows or shrinks with it."""
    del others
    if not header["constants"]:
        return payload
    constant = header["constants"][int(rng.integers(len(header["constants"])))]
    before, after = constant[1], str(rng.choice(list(DTYPES)))
    if before not in DTYPES:
        return payload
    constant[1] = after
    ends = np.cumsum([0, *header["storages"]])
    start, end = ends[constant[0]], ends[constant[0] + 1]
    size = (end - start) * DTYPES[after].itemsize // DTYPES[before].itemsize
    content = np.resize(payload[start:end], size) if end > start else payload[start:end]
    header["storages"][constant[0]] = len(content)
    return np.concatenate([payload[:start], content, payload[end:]])


def _contents(header, payload, rng, others):
    """Other numbers in a constant: extreme ones, or none that a dtype expects."""
    del others
    if not header["constants"] or not len(payload):
        return payload
    constant = header["constants"][int(rng.integers(len(header["constants"])))]
    ends = np.cumsum([0, *header["storages"]])
    start, end = int(ends[constant[0]]), int(ends[constant[0] + 1])
    dtype = {"bfloat16": "float16"}.get(constant[1], constant[1])
    held = payload[
        start : start + (end - start) // np.dtype(dtype).itemsize * np.dtype(dtype).itemsize
    ]
    numbers = held.view(dtype)
    if not len(numbers):
        return payload
    places = rng.integers(0, len(numbers), int(rng.choice([1, 1, 2, len(numbers)])))
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        values = [min(max(_extreme(rng), int(limits.min)), int(limits.max)) for _ in places]
        numbers[places] = np.array(values, dtype=dtype)
    elif dtype == "bool":
        held[places] = rng.integers(0, 256, len(places)).astype("u1")
    else:
        with np.errstate(all="ignore"):
            special = rng.choice([*NUMBERS, np.nan, np.inf, -np.inf, 7.0, 1e10], len(places))
            numbers[places] = special.astype(dtype)
    return payload


_CHANGES = (
    _argument, _argument, _argument, _operation, _exchanged, _order, _batch_size, _layout, _strides, _strides,
    _dtype, _contents, _contents,
)  # fmt: skip


def calls_of(interpreter, inputs):
    """Return operations of program 0 as graphs of their own, at most four of a name."""
    graph, found = interpreter.graph, {}

    def watch(place, named):
        node = graph.programs[0].nodes[place]
        calls = found.setdefault(node.op, [])
        if len(calls) < MOST_CALLS:
            tensors = _held(interpreter.operations[0][place].arguments, named)
            one = call(node.op, node.args, node.kwargs, len(node.outputs), tensors)
            calls += [one] if one is not None else []

    interpreter.run(inputs[: graph.programs[0].batch_size], program=0, watch=watch)
    return found


def _held(arguments, named):
    """Return the tensors of an operation by the numbers that it knows them by."""
    found = {}
    for name, value in arguments.items():
        given = named[name] if isinstance(named[name], (list, tuple)) else [named[name]]
        numbers = _numbers(json.loads(json.dumps(value)))
        tensors = [t for t in given if hasattr(t, "untyped_storage")]
        found |= dict(zip(numbers, tensors, strict=True))
    return found


def _numbers(value):
    """The numbers of the tensors in an argument, in their order."""
    if isinstance(value, dict) and type(value.get("tensor")) is int:
        return [value["tensor"]]
    items = value.values() if isinstance(value, dict) else value
    return [n for item in items for n in _numbers(item)] if isinstance(value, (list, dict)) else []


def call(op, args, kwargs, n_outputs, tensors):
    """Return a graph of one operation, header and bytes; its constants are the tensors given."""
    constants, storages, inputs = [], [], []
    for place, (number, tensor) in enumerate(tensors.items()):
        if tensor.is_conj() or tensor.is_neg() or tensor.untyped_storage().nbytes() > MOST_BYTES:
            return None
        whole = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
        storages.append(whole.numpy().copy())
        dtype = str(tensor.dtype).removeprefix("torch.")
        constants.append([place, dtype, list(tensor.shape), list(tensor.stride()),
                          tensor.storage_offset()])  # fmt: skip
        inputs.append([number + 1, place])
    outputs = [1000 + k for k in range(n_outputs)]
    node = [op, _renumbered(list(args)), _renumbered(dict(kwargs)), outputs]
    header = {"programs": [[2, inputs, [node], outputs[0] if outputs else 0]],
              "constants": constants, "storages": [len(s) for s in storages]}  # fmt: skip
    return header, np.concatenate([np.empty(0, "u1"), *storages])


def _renumbered(value):
    if isinstance(value, (list, tuple)):
        return [_renumbered(v) for v in value]
    if isinstance(value, dict):
        return {k: v + 1 if k == "tensor" else _renumbered(v) for k, v in value.items()}
    return value
