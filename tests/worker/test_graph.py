"""A graph travels in one spelling, and nothing of its text stays behind."""

import json

import numpy as np
import pytest
import torch

from harness.worker.graph import GraphError, graph_of, received, wiring, written
from harness.worker.interpreter import Interpreter
from harness.worker.tracing import Recorder
from tests.support.honest import Run

HEADER = {
    "programs": [[2, [[1, 0]], [["aten.add.Tensor", [{"tensor": 0}, {"tensor": 1}],
                                {"alpha": -0.5}, [2]],
                               ["aten.add.Tensor", [{"tensor": 2}, float("-inf")], {}, [3]]], 3]],
    "constants": [[0, "float32", [2], [1], 0]],
    "storages": [8],
}  # fmt: skip
TEXT = json.dumps(HEADER)
PAYLOAD = np.zeros(8, "u1")


def bytes_of(text):
    return np.frombuffer(text if isinstance(text, bytes) else text.encode(), "u1").copy()


def test_a_graph_is_read_as_it_was_written_and_its_text_overwritten():
    header = bytes_of(TEXT)
    graph = received(header, PAYLOAD)
    assert written(graph) == TEXT == written(graph_of(HEADER, PAYLOAD))
    assert not header.any()


def replaced(old, new):
    assert old in TEXT
    return TEXT.replace(old, new)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.encode("utf-16"), TEXT.encode("utf-32"), b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT + " ", " " + TEXT, replaced(", ", ","), replaced(", ", ",  "), replaced(": ", ":\n"),
        replaced("aten.add", "aten.\\u0061dd"), replaced("-0.5", "-5e-1"), replaced("-0.5", "-0.50"),
        replaced("-0.5", "-0.5" + "0" * 4000), replaced("-0.5", "-0.50000000000000000001"),
        replaced("-Infinity", "-1e999"), replaced("-Infinity", "-1e400"),
        replaced("[8]", "[8.0]"), replaced("[8]", "[" + "9" * 5000 + "]"),
        '{"programs": "junk", ' + TEXT[1:], TEXT[:-1] + ', "storages": [8]}',
        replaced('{"tensor": 0}', '{"tensor": 9, "tensor": 0}'),
        replaced('{"alpha": -0.5}', '[["alpha", -0.5]]'), replaced("[[1, 0]]", "[[1, 0], [1, 0]]"),
        replaced('"float32"', '["float32"]'), replaced("[[1, 0]]", '{"10": 1}'),
        "[" * 200_000, "5", "", "NaN", replaced("[[1, 0]]", "[[1, 0, 0]]"),
    ],
    ids=range(29),
)  # fmt: skip
def test_any_other_spelling_is_refused(text):
    with pytest.raises(GraphError, match=r"malformed|bytes"):
        received(bytes_of(text), PAYLOAD)


def test_sizes_of_storages_are_added_without_overflow():
    sizes = [2**62, 2**62, 2**62, 2**62, 8]
    constants = [[n, "float32", [0], [1], 0] for n in range(5)]
    with pytest.raises(GraphError, match="do not fill"):
        graph_of(HEADER | {"storages": sizes, "constants": constants}, PAYLOAD)


def test_a_constant_that_is_not_there_is_refused():
    with pytest.raises(GraphError, match="reads a constant that it does not hold"):
        received(bytes_of(replaced("[[1, 0]]", "[[1, 8]]")), PAYLOAD)


def product(**arguments):
    """Graph of a dot product, whose second argument is named as references to tensors are."""
    header = HEADER | {"programs": [[2, [[1, 0]], [["aten.dot.default", [], arguments, [2]]], 2]]}
    return graph_of(header, PAYLOAD)


def test_an_argument_may_have_the_name_of_a_kind():
    graph = product(self={"tensor": 0}, tensor={"tensor": 1})
    assert Interpreter(graph, device="cpu").run(torch.ones(2), program=0) == 0
    other = product(self={"tensor": 1}, tensor={"tensor": 1})
    assert wiring(graph) != wiring(other)
    recorder = Recorder()
    recorder.record(Run(lambda _, x: torch.dot(input=x[0], tensor=x[1])).eval(), torch.ones(2, 3))
    assert graph_of(recorder.graph().header(), recorder.graph().payload())


def test_an_argument_that_a_network_does_not_compute_is_refused_whatever_its_name():
    with pytest.raises(GraphError, match="reads an undefined tensor"):
        product(self={"tensor": 7}, tensor={"tensor": 1})
