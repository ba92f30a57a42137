"""Running statistics are left out of the count only where they cannot pass a number on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from harness.worker.graph import graph_of
from harness.worker.interpreter import Interpreter
from harness.worker.jobs import _drawn
from harness.worker.running_statistics import statistics_from

X, MEAN, VAR, WEIGHT = ({"tensor": n} for n in range(4))
VECTOR = ["float32", [4], [1], 0]


def norm(source, mean=MEAN, var=VAR, *, out, weight=None, training=False):
    """A normalisation of four channels."""
    args = [source, weight, None, mean, var, training, 0.1, 1e-5]
    return ["aten.native_batch_norm.default", args, {}, [out, out + 1, out + 2]]


def interpreter(*programs, contents=(5.0, 7.0, 2.0), results=(10, 10), constants=None):
    header = {
        "programs": [[8, [[1, 0], [2, 1], [3, 2]], list(nodes), result]
                     for nodes, result in zip(programs, results, strict=False)],
        "constants": constants or [[n, *VECTOR] for n in range(3)],
        "storages": [16, 16, 16],
    }  # fmt: skip
    payload = np.concatenate([np.full(4, c, "f4") for c in contents]).view("u1")
    return Interpreter(graph_of(header, payload), device="cpu")


INPUTS = torch.rand(32, 4, 3, 3, generator=torch.Generator().manual_seed(0))
ONCE = [norm(X, out=10, weight=WEIGHT)]


def add(one, other, out):
    return ["aten.add.Tensor", [one, other], {}, [out]]


def test_statistics_are_those_of_the_inputs():
    found = statistics_from(interpreter(ONCE), INPUTS)
    mean, var = (
        torch.frombuffer(bytearray(found[s].tobytes()), dtype=torch.float32) for s in (0, 1)
    )
    assert torch.allclose(mean, INPUTS.mean((0, 2, 3)))
    assert torch.allclose(var, INPUTS.var((0, 2, 3), unbiased=False))


@pytest.mark.parametrize("contents", [(1e6, 1e6, 2.0), (float("nan"), -1.0, 2.0)])
def test_what_they_held_before_does_not_show_in_what_follows(contents):
    """Two normalisations, each after the other, share statistics and feed each other."""
    nodes = [norm(X, out=10), add({"tensor": 10}, X, 20), norm({"tensor": 20}, out=30)]
    expected, found = (
        statistics_from(interpreter(nodes, contents=c, results=(30,)), INPUTS)
        for c in ((0.0, 1.0, 2.0), contents)
    )
    assert expected.keys() == found.keys() == {0, 1}
    assert all((expected[s] == found[s]).all() for s in found)


FLAT = [["aten.mean.dim", [X, [2, 3]], {}, [40]]]


@pytest.mark.parametrize(
    ("programs", "exempt"),
    [
        ([ONCE, ONCE], {0, 1}),
        ([ONCE, [*ONCE, *FLAT, add({"tensor": 40}, MEAN, 41)]], {1}),  # read in one program alone
        ([ONCE, [*FLAT, add({"tensor": 40}, VAR, 10)]], {0}),
        ([[norm(X, out=10, weight=MEAN)]], {1}),
        ([[norm(X, out=10, training=True)]], set()),
        ([ONCE, [norm(X, out=10, training=True)]], set()),
        ([[norm(X, out=10), norm(X, VAR, MEAN, out=20)]], set()),  # mean here, variance there
        ([[norm(X, out=10), norm(X, WEIGHT, VAR, out=20)]], {0, 2}),  # with one, then with another
        ([[norm(X, MEAN, MEAN, out=10)]], set()),
        ([[["aten.alias.default", [MEAN], {}, [4]], norm(X, {"tensor": 4}, out=10)]], set()),
        ([[*FLAT, ["aten.mean.dim", [{"tensor": 40}, [0]], {}, [42]],
           norm(X, {"tensor": 42}, out=10)]], set()),
    ],
)  # fmt: skip
def test_only_statistics_that_nothing_else_reads_are_left_out(programs, exempt):
    assert statistics_from(interpreter(*programs), INPUTS).keys() == exempt


def test_a_result_that_is_the_statistics_reads_them():
    assert statistics_from(interpreter(ONCE, results=(1,)), INPUTS).keys() == {1}


def test_a_part_of_a_storage_is_no_statistic():
    halves = [[0, "float32", [4], [1], 0], [1, "float32", [4], [1], 0], [2, *VECTOR]]
    halves[0][2:4] = [4], [0]  # one number for all
    assert not statistics_from(interpreter(ONCE, constants=halves), INPUTS)


def test_the_inputs_are_drawn_by_the_whole_network():
    data = SimpleNamespace(inputs=np.arange(5000))
    header, payload, other = (np.full(8, k, "u1") for k in range(3))
    drawn = _drawn(data, header, payload)
    assert (drawn == _drawn(data, header.copy(), payload.copy())).all()
    for parts in ((header, other), (other, payload)):
        assert (drawn != _drawn(data, *parts)).any()
