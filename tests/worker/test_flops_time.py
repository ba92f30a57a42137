"""No value makes an element cost far more time than its counted operations."""

import itertools
import math
import time

import pytest
import torch

from harness.worker.operations import GROUPS, OPERATIONS

N = 1024
MOST = 20
"""Times the processor time that an ordinary function takes for a counted operation."""
ROUNDS = 10
"""How often a slow operation is measured again, each time beside an ordinary one."""
FLOATS = (0.3, 1.7, -1.5, 0.999999, -700.5, 1e15, 1e38, 1.7e308, 1e-30, 1e-300, math.nan)
"""None near the subnormal numbers, which cost more on some processors, whatever is computed."""
WHOLE = (2, 7, -1, 2**63 - 1, -(2**63), 3)
DTYPES = (
    torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex128, torch.complex64,
    torch.int64, torch.int32, torch.uint8,
)  # fmt: skip
FURTHER = {
    "rounding_mode": "floor", "decimals": 3, "dim": 0, "p": 2.5, "half_to_float": False,
    "dtype": torch.float64,
}  # fmt: skip
"""Arguments that are neither a tensor nor a number, where an operation needs them."""
REFUSALS = (RuntimeError, TypeError, ZeroDivisionError, IndexError)
"""What an operation raises for tensors or values that it does not take; it takes others, or the test
fails as untried."""


def filled(value, dtype, *, gaps):
    """A tensor of one value; the kernels for those with gaps call other functions."""
    whole = torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)
    made = whole.to(dtype) * (1 + 1j) if dtype.is_complex else whole.to(dtype)
    return made.repeat(2 * N)[::2] if gaps else made.repeat(N)


def nanoseconds(call, repeats):
    """The least processor time of a call."""
    found = []
    for _ in range(repeats):
        start = time.thread_time_ns()
        call()
        found.append(time.thread_time_ns() - start)
    return min(found)


def resolved(name):
    _, base, overload = name.split(".")
    return getattr(getattr(torch.ops.aten, base), overload)


def arguments(op):
    """For each dtype, layout and choice of values the required arguments, as far as they are known."""
    needed = [a for a in op._schema.arguments if not a.has_default_value()]
    kinds = {a.name: str(a.type) for a in needed if a.name not in FURTHER}
    if (
        not kinds
        or "Tensor" not in kinds.values()
        or not set(kinds.values()) <= {"Tensor", "number"}
    ):
        return
    further = {a.name: FURTHER[a.name] for a in op._schema.arguments
               if a.name in FURTHER and a in needed}  # fmt: skip
    for dtype, gaps in itertools.product(DTYPES, (False, True)):
        exact = dtype.is_floating_point or dtype.is_complex
        tensors = [filled(value, dtype, gaps=gaps) for value in (FLOATS if exact else WHOLE)]
        two = itertools.product(tensors, repeat=min(len(kinds), 2))
        for chosen in two:
            given = (*chosen, *chosen[-1:] * (len(kinds) - len(chosen)))
            yield further | {
                name: tensor if kind == "Tensor" else tensor[0].item()
                for (name, kind), tensor in zip(kinds.items(), given, strict=True)
            }


def per_operation(op, rule, named, repeats):
    """Nanoseconds per counted operation, and what was computed; None where it is no such tensor's."""
    try:
        result = op(**named)
    except REFUSALS:
        return None
    outputs = result if isinstance(result, (list, tuple)) else (result,)
    defaults = {a.name: a.default_value for a in op._schema.arguments if a.has_default_value()}
    count = max(1, rule.flops(defaults | named, outputs))
    return nanoseconds(lambda: op(**named), repeats) / count, outputs[0]


def ordinary():
    """Nanoseconds per element of a function without vector instructions, and of a whole product."""
    x, k = (filled(v, d, gaps=True) for v, d in ((0.3, torch.float64), (3, torch.int64)))
    return nanoseconds(x.lgamma, 50) / N, nanoseconds(lambda: k * k, 50) / N


def slowest(name):
    """The most that any value costs, as a multiple of what is ordinary; with those values."""
    op, rule = resolved(name), OPERATIONS[name]
    worst = 0.0, None
    for named in arguments(op):
        found = per_operation(op, rule, named, 2)
        if found is None:
            continue
        ratio = found[0] / allowance(found[1])
        for _ in range(ROUNDS if ratio > MOST / 4 else 0):  # the machine may do other work
            ORDINARY.clear()
            took, output = per_operation(op, rule, named, 5)
            ratio = min(ratio, took / allowance(output))
        told = {k: v if not isinstance(v, torch.Tensor) else (v[0].item(), v.dtype, v.stride())
                for k, v in named.items()}  # fmt: skip
        worst = max(worst, (ratio, str(told)), key=lambda w: w[0])
    return worst


ORDINARY = {}


def allowance(output):
    if not ORDINARY:
        ORDINARY[True], ORDINARY[False] = ordinary()
    return ORDINARY[output.is_floating_point() or output.is_complex()]


ELEMENTWISE = [
    name for group in GROUPS for name in group
    if any(words in group.why for words in ("broadcasts", "the elements along"))
    and not name.split(".")[1].endswith("_")
]  # fmt: skip
ALONE = {
    "clamp.default", "clamp.Tensor", "count_nonzero.dim_IntList", "kthvalue.default",
    "linalg_cross.default", "masked_fill.Scalar", "masked_fill.Tensor", "norm.ScalarOpt_dim_dtype",
    "trace.default",
}  # fmt: skip
"""They need other arguments, and their work depends on no value."""


@pytest.mark.slow
def test_no_value_costs_far_more_time_than_it_counts():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = {name: slowest(name) for name in ELEMENTWISE}
    finally:
        torch.set_num_threads(threads)
    untried = {name.removeprefix("aten.") for name, (_, named) in found.items() if named is None}
    assert untried <= ALONE
    assert {name: worst for name, worst in found.items() if worst[0] > MOST} == {}
