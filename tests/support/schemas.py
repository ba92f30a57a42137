"""Calls of an operation that its schema allows, with small tensors that might fit each other."""

import torch

from harness.worker.arguments import DTYPES
from tests.support.mutations import EXTREMES, TEXTS, call

_INDICES = ("ind", "idx", "offset", "length", "target", "sizes", "boundaries", "rois")
LARGE = 0.05
"""Share of calls with tensors that kernels divide among threads, from 32,768 elements on."""
_DTYPES = ("float32",) * 12 + tuple(DTYPES)


def overload(name):
    """The operation of a name, ``aten.NAME.OVERLOAD``."""
    _, operation, overloaded = name.split(".")
    return getattr(getattr(torch.ops.aten, operation), overloaded)


class Caller:
    """Draws calls of one operation."""

    def __init__(self, op, rng):
        self.rng, self.tensors, self.overload = rng, {}, op
        self.n, self.c, self.h, self.w = (int(k) for k in rng.integers(1, 5, 4))
        self.c *= int(rng.choice([1, 1, 2, 4]))
        if rng.random() < LARGE:
            self.h, self.w = (int(k) for k in rng.integers(40, 160, 2))
        self.dtype = DTYPES[str(rng.choice(_DTYPES))]
        self.rank = int(rng.choice([0, 1, 2, 2, 3, 3, 4, 4, 4, 5]))

    def call(self):
        """Return a graph of one operation: header and bytes."""
        args, kwargs = [], {}
        for argument in self.overload._schema.arguments:
            if argument.has_default_value() and self.rng.random() < 0.4:
                value = _plain(argument.default_value)
            else:
                value = self.value(str(argument.real_type), argument.name)
            if argument.kwarg_only:
                kwargs[argument.name] = value
            else:
                args.append(value)
        name = str(self.overload)
        outputs = len(self.overload._schema.returns)
        if outputs == 1 and "Tensor[]" in str(self.overload._schema.returns[0].type):
            outputs = int(self.rng.integers(1, 4))
        return call(name, args, kwargs, outputs, self.tensors)

    def value(self, kind, name):
        rng = self.rng
        if kind.startswith("Optional["):
            return None if rng.random() < 0.4 else self.value(kind[9:-1], name)
        if kind.startswith("List["):
            return [
                self.value(kind[5:-1], name) for _ in range(int(rng.choice([0, 1, 2, 2, 3, 4])))
            ]
        draw = {
            "Tensor": lambda: self.tensor(name),
            "int": lambda: self.integer(name),
            "float": lambda: float(rng.choice([0.0, 0.1, 1.0, 2.0, -1.0, 1e-5])),
            "number": lambda: (0, 1, 2, 0.5, -1.0, True, 2**40)[int(rng.integers(7))],
            "bool": lambda: bool(rng.integers(2)),
            "str": lambda: str(rng.choice(TEXTS)),
            "Device": lambda: {"device": "cpu"},
            "Layout": lambda: {"layout": "strided"},
            "ScalarType": lambda: {"dtype": str(rng.choice(list(DTYPES)))},
        }
        return draw.get(kind, lambda: None)()

    def integer(self, name):
        rng = self.rng
        if rng.random() < 0.03:
            return EXTREMES[int(rng.integers(len(EXTREMES)))]
        if "dim" in name:
            return int(rng.integers(-2, 4))
        return int(rng.choice([0, 1, 1, 1, 2, 2, 3, self.n, self.c, self.h, self.w]))

    def tensor(self, name):
        rng, whole = self.rng, (self.n, self.c, self.h, self.w, 2)
        if "mask" in name or "condition" in name:
            dtype = torch.bool
        elif any(part in name for part in _INDICES):
            dtype = torch.int64
        else:
            dtype = self.dtype if rng.random() < 0.9 else DTYPES[str(rng.choice(_DTYPES))]
        square = (self.c, self.c, 3, 3, 3)[: max(2, self.rank)]
        options = [whole[: self.rank]] * 4 + [(self.c,), (self.c,), (self.n,), (), square]
        options += [
            (self.n, self.c),
            (self.c, self.h),
            (self.c, self.c),
            whole[1 : self.rank],
            whole[:4],
        ]
        if "weight" in name or "kernel" in name:
            options += [square, (self.c,)] * 5
        if name in {"bias", "running_mean", "running_var", "save_mean", "save_invstd"}:
            options += [(self.c,)] * 20
        shape = options[int(rng.integers(len(options)))]
        number = len(self.tensors)
        self.tensors[number] = _filled(shape, dtype, rng)
        if shape and rng.random() < 0.3:
            self.tensors[number] = _laid_out(self.tensors[number], rng)
        return {"tensor": number}


def _filled(shape, dtype, rng):
    if dtype.is_floating_point or dtype.is_complex:
        return torch.from_numpy(rng.standard_normal(shape).astype("f4").reshape(shape)).to(dtype)
    return torch.from_numpy(rng.integers(0, 4, shape).reshape(shape)).to(dtype)


def _laid_out(tensor, rng):
    """Return a tensor of the same shape whose elements lie in another order, apart or overlap."""
    dim = int(rng.integers(tensor.dim()))
    match int(rng.integers(4)):
        case 0:
            return tensor.transpose(0, dim).contiguous().transpose(0, dim)
        case 1:
            return tensor.narrow(dim, 0, 1).expand(tensor.shape)
        case 2:
            return torch.stack([tensor, tensor], -1).select(-1, 1)
        case _:
            n = tensor.shape[dim]
            return (
                torch.cat([tensor, tensor], dim).unfold(dim, n, 1).select(dim, 0).movedim(-1, dim)
            )


def _plain(value):
    for kind in (torch.dtype, torch.layout, torch.memory_format, torch.device):
        if isinstance(value, kind):
            return {kind.__name__: str(value).removeprefix("torch.")}
    return value
