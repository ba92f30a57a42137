"""What is counted and scored is the function itself, for honest networks of every kind."""

import contextlib
import copy
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from harness.evaluation.scoring import TOLERANCE
from harness.tasks.base import BATCH_SIZES
from harness.worker.graph import GraphError, changed, graph_of, received, wiring, written
from harness.worker.interpreter import Interpreter
from harness.worker.size import count
from harness.worker.tracing import Recorder
from harness.worker.training import predict
from tests.support.honest import HONEST


def recorded(network, inputs, sizes=(8, 6)):
    recorder = Recorder()
    for size in sizes:
        recorder.record(network, inputs[:size])
    return recorder.graph()


def travelled(graph):
    """The graph as the other process gets it."""
    return received(np.frombuffer(written(graph).encode(), "u1").copy(), graph.payload())


def counted(interpreter, inputs):
    """Count a network whose wiring is as before training."""
    return count(interpreter, inputs, outline=wiring(interpreter.graph))


@pytest.fixture
def inputs():
    return torch.rand(20, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", HONEST)
def test_honest_networks_are_replayed_and_counted(name, inputs):
    torch.manual_seed(0)
    network = HONEST[name]
    network.train()(inputs)
    network(inputs)
    interpreter = Interpreter(travelled(recorded(network.eval(), inputs)), device="cpu")
    own = predict(network, inputs, batch_size=8)
    coarsest = max(TOLERANCE[dtype] for dtype in interpreter.dtypes())
    for program in (0, 1):
        difference = np.abs(
            interpreter.answers(inputs, program=program, shape=own.shape[1:]) - own
        ).max()
        assert difference <= coarsest * max(1.0, np.abs(own).max()) / 5  # five times to spare
    parameters = sum(
        p.numel() * (2 if p.dtype == torch.float64 else 1) for p in network.parameters()
    )
    others = {"spectral norm": 16, "a filter in the frequency domain": 0}.get(name, 0)
    assert counted(interpreter, inputs)[0].n_params == parameters + others


def test_the_seed_network_is_counted_as_published(network):
    namespace = {}
    exec(network.source, namespace)
    images = torch.rand(64, 3, 32, 32)
    built = namespace["ExquisiteNetV2"](10, 3).eval()
    interpreter = Interpreter(travelled(recorded(built, images, BATCH_SIZES)), device="cpu")
    counts, _ = counted(interpreter, images)
    assert (counts.n_params, counts.n_state) == (518_230, 4_392)
    assert counts.flops == 3_619_906


class Plain(nn.Module):
    """Maps the input's channel means through hidden numbers, held as the test says."""

    def __init__(self, hidden):
        super().__init__()
        self.visible = nn.Linear(3, 4)
        self.hidden = hidden

    def forward(self, x):
        x = x.mean((2, 3))
        return self.visible(x) + self.hidden(x)


def size(network, inputs):
    interpreter = Interpreter(travelled(recorded(network.eval(), inputs)), device="cpu")
    return counted(interpreter, inputs)[0]


LIST = [torch.randn(3, 4)]
ARRAY = np.random.default_rng(0).random((3, 4), "f4")
SHARED = torch.randn(12)
LITERAL = lambda x: x @ torch.tensor([[0.5, 0.25, 1.5, 2.0]] * 3)  # noqa: E731
PAIRS = torch.randint(-(2**62), 2**62, (6,))


def unpacked(pairs):
    halves = torch.stack([pairs >> 32, pairs & 0xFFFFFFFF])
    return halves.reshape(3, 4).float() / 2**33


@pytest.mark.parametrize(
    ("hidden", "n_hidden"),
    [
        (lambda x: x @ LIST[0], 12),
        (lambda x: x @ torch.from_numpy(ARRAY), 12),
        (lambda x: x @ SHARED.view(3, 4) + x @ SHARED.flip(0).view(3, 4), 12),
        (lambda x: x @ SHARED[:3, None].expand(3, 4), 12),  # the whole storage is there to be read
        (LITERAL, 12),
        (lambda x: x @ unpacked(PAIRS), 12),
        (lambda x: x @ LIST[0].half().float(), 12),
        (lambda x: x.new_zeros(4), 0),
    ],
    ids=["list", "array", "shared", "expanded", "literal", "packed", "cast", "zeros"],
)
def test_numbers_count_wherever_they_are_kept(hidden, n_hidden, inputs):
    found = size(Plain(hidden), inputs).n_params - 16
    written_out = 12 if hidden is LITERAL else 0  # element by element: more wiring than is free
    assert found == n_hidden + written_out


def test_recalibrated_is_what_statistics_from_the_data_give(inputs):
    """Where it is worse than what was recorded, ``evaluation`` counts statistics as parameters."""
    norm = nn.BatchNorm1d(3, affine=False)
    network = Plain(lambda x: torch.cat([norm(x), x[:, :1]], 1))
    network.norm = norm
    for _ in range(300):
        network.train()(inputs)
    for means, worth in (None, False), ([5.0, -3.0, 9.0], True):
        if means:
            norm.running_mean.copy_(torch.tensor(means))
        interpreter = Interpreter(travelled(recorded(network.eval(), inputs)), device="cpu")
        counts, recalibrated = counted(interpreter, inputs)
        assert (counts.n_params, counts.n_state) == (16, 6)
        given = interpreter.answers(inputs, program=0, shape=(4,))
        assert (
            np.abs(given - recalibrated.answers(inputs, program=0, shape=(4,))).max() > 1
        ) == worth


def test_statistics_that_are_read_elsewhere_too_are_parameters(inputs):
    norm = nn.BatchNorm1d(3, affine=False)
    network = Plain(lambda x: torch.cat([norm(x) + norm.running_mean, x[:, :1]], 1))
    network.norm = norm
    for _ in range(30):
        network.train()(inputs)
    assert (size(network, inputs).n_params, size(network, inputs).n_state) == (19, 3)


def test_numbers_in_the_operations_count_beyond_what_networks_need(inputs):
    numbers = [(k * 7919 % 10_007) / 10_007 for k in range(2_000)]
    found = size(Plain(lambda x: sum(x[:, :1] * n for n in numbers)), inputs)
    assert found.n_params > 16 + len(numbers)
    choices = [torch.tensor(v) for v in (-1.0, 0.0, 1.0)]
    wiring = random.Random(0).choices(choices, k=18_000)
    found = size(Plain(lambda x: x @ torch.stack(wiring).view(3, -1)[:, :4]), inputs)
    assert found.n_params > 16 + 400  # two bits each, less what is free


def test_wiring_that_training_changed_counts_from_the_first_byte(inputs):
    """A learned sign, as the choice between adding and subtracting."""

    class Signs(nn.Module):
        def __init__(self, signs):
            super().__init__()
            self.signs = signs

        def forward(self, x):
            x = x.mean((2, 3))
            return torch.stack(
                [x[:, 0] + x[:, 1] if s else x[:, 0] - x[:, 1] for s in self.signs], 1
            )

    before, after = (recorded(Signs(signs), inputs) for signs in ([1, 1, 1, 1], [1, 0, 0, 1]))
    again = recorded(Signs([1, 0, 0, 1]), inputs.flip(0))
    assert wiring(after) == wiring(again) != wiring(before)
    interpreter = Interpreter(travelled(after), device="cpu")
    outlines = wiring(after), wiring(before), ""
    same, two_signs, unknown = (
        count(interpreter, inputs, outline=outline)[0].n_params for outline in outlines
    )
    assert same + 4 < two_signs < unknown


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", HONEST)
def test_training_leaves_the_wiring_of_honest_networks_as_it_was(name, inputs):
    network = copy.deepcopy(HONEST[name])
    network.train()(inputs)
    outline = wiring(recorded(network.eval(), torch.zeros_like(inputs)))
    optimizer = torch.optim.AdamW(network.parameters())
    for _ in range(3):
        network.train()(inputs).square().mean().backward()
        optimizer.step()
    assert not changed(wiring(travelled(recorded(network.eval(), inputs))), outline)


@pytest.mark.parametrize(
    ("hidden", "reason"),
    [
        (lambda x: torch.randn(len(x), 4), "draws random numbers"),
        (lambda x: F.dropout(x, training=True) @ LIST[0], "draws random numbers"),
        (lambda x: x @ LIST[0].view(torch.int32).bitwise_not().view(torch.float32), "not replay"),
    ],
    ids=["noise", "dropout", "bits"],
)
def test_what_cannot_be_counted_is_refused(hidden, reason, inputs):
    with pytest.raises(GraphError, match=reason):
        size(Plain(hidden), inputs)


def test_a_branch_on_values_shows_in_the_replay(inputs):
    """Recorded on bright images, asked about dark ones: the replay takes the recorded branch."""
    network = Plain(lambda x: x @ LIST[0] if x.mean() > 0.4 else x @ -LIST[0]).eval()
    interpreter = Interpreter(travelled(recorded(network, inputs)), device="cpu")
    dark = inputs / 4
    own = predict(network, dark, batch_size=8)
    assert np.abs(interpreter.answers(dark, program=0, shape=(4,)) - own).max() > 0.05


HEADER = {"programs": [[1, [], [], 0]], "constants": [], "storages": []}


def with_node(op, args=(), kwargs=None, outputs=(1,)):
    return HEADER | {"programs": [[1, [], [[op, list(args), kwargs or {}, list(outputs)]], 1]]}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({}, "malformed"),
        (HEADER | {"storages": [5]}, "do not fill"),
        (with_node("os.system.default"), "does not replay"),
        (with_node("aten.from_file.default", ["/etc/passwd"]), "does not replay"),
        (with_node("aten.nothing.default"), "does not replay"),
        (with_node("aten.relu.default", [{"tensor": 7}]), "reads an undefined tensor"),
        (with_node("aten.relu.default", [{"tensor": 0}], outputs=[1, 2]), "ValueError"),
        (with_node("aten.relu.default", [{"pickle": "x"}]), "expected a tensor for self, got dict"),
        (HEADER | {"constants": [[0, "float32", [9], [1], 0]]}, "bytes that no operation reads"),
        (HEADER, "expected answers of shape"),
        (
            with_node("aten.relu.default", [{"tensor": 0}], outputs=[0]),
            "result is an undefined tensor",
        ),
    ],
)
def test_hand_made_graphs_are_refused_with_a_reason(header, reason, inputs):
    with pytest.raises(GraphError, match=reason):
        Interpreter(graph_of(header, np.empty(0, "u1")), device="cpu").answers(
            inputs, program=0, shape=(4,)
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@pytest.mark.parametrize("strides", [[1], [3]])
def test_memory_that_nobody_wrote_is_zero(strides):
    made = [
        "aten.empty_strided.default",
        [[400_000], strides],
        {"dtype": {"dtype": "float32"}},
        [1],
    ]
    header = HEADER | {"programs": [[1, [], [made], 1]]}
    for _ in range(5):
        _ = torch.full((400_000 * strides[0],), 3.0)  # freed at once: its memory is at hand
        interpreter = Interpreter(graph_of(header, np.empty(0, "u1")), device="cpu")
        found = interpreter.run(torch.zeros(1, 3, 4, 4), program=0)
        assert not found.new_empty(0).set_(found.untyped_storage()).any()


def test_memory_between_the_elements_is_not_read():
    strided = ["aten.empty_strided.default", [[2], [400_000]], {"dtype": {"dtype": "float32"}}, [1]]
    view = ["aten.as_strided.default", [{"tensor": 1}, [400_000], [1], 1], {}, [2]]
    header = HEADER | {"programs": [[1, [], [strided, view], 2]]}
    interpreter = Interpreter(graph_of(header, np.empty(0, "u1")), device="cpu")
    with pytest.raises(GraphError, match="a view of the tensor's own elements"):
        interpreter.run(torch.zeros(1, 3, 4, 4), program=0)


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("aten.set.source_Tensor", "which the audit does not replay"),
        ("aten.set_.source_Tensor", "which the audit does not replay"),
        ("aten.resize.default", "which the audit does not replay"),
    ],
)
def test_a_tensor_is_given_no_other_memory(op, told):
    header = with_node(op, [{"tensor": 0}, {"tensor": 0}])
    with pytest.raises(GraphError, match=told):
        Interpreter(graph_of(header, np.empty(0, "u1")), device="cpu")


def test_a_header_with_more_than_a_graph_is_refused():
    with pytest.raises(GraphError, match="expected programs, constants and storages alone"):
        graph_of(HEADER | {"junk": "~" * 99}, np.empty(0, "u1"))


@settings(max_examples=60)
@given(st.fixed_dictionaries(dict.fromkeys(HEADER, JSON)) | JSON)
def test_any_other_header_is_refused_not_crashed_on(header):
    with contextlib.suppress(GraphError):
        interpreter = Interpreter(graph_of(header, np.empty(0, "u1")), device="cpu")
        assert len(interpreter.operations) == len(header["programs"])
