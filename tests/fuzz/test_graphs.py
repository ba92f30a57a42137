"""Recorded graphs, changed at random: a refusal or a replay, and no memory but the graph's own."""

import contextlib
import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from harness.worker.graph import GraphError, graph_of, received
from harness.worker.interpreter import Interpreter
from harness.worker.operations import OPERATIONS
from harness.worker.size import count
from harness.worker.tracing import Recorder
from tests.support.fuzzing import fuzz, mutated
from tests.support.honest import HONEST, Net, Run, p
from tests.support.mutations import changed_graph
from tests.support.replaying import Slow, in_child, replayed

ATTEMPTS = 40
"""Attempts of one process, which takes about as long to start as ten attempts."""
COUNTED = 0.2
"""Share of the graphs that are counted, too."""
KNOWN = sorted(OPERATIONS)
SIZES = (3, 2)
"""Batches of the two programs."""
NAMES = (
    "batch norm", "batch norm without affine", "instance norm", "group norm", "layer norm",
    "activations", "transposed and dilated convolutions", "pixel shuffle and interpolation",
    "fractional and adaptive pooling", "LSTM", "GRU both ways", "attention", "transformer",
    "scaled dot product", "einsum", "a filter in the frequency domain", "unfold", "positions",
    "in place", "double precision inside",
)  # fmt: skip


def unpooled(net, x):
    values, places = F.max_pool2d(x, 2, return_indices=True)
    return F.max_unpool2d(values, places, 2, output_size=x.shape[-2:]) + net.b


def picked(net, x):
    order = x.mean((2, 3)).argsort(1)
    x = x.gather(1, order[:, :, None, None].expand_as(x))[:, net.order]
    return torch.zeros_like(x).scatter_add(1, order[:, :, None, None].expand_as(x), x)


def sampled(net, x):
    places = F.affine_grid(net.b.expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, places, align_corners=False)


OTHERS = {
    "pooling undone": Net(Run(unpooled, b=p(8, 1, 1))),
    "gather, index and scatter": Net(Run(picked)),
    "sampled at places": Net(Run(sampled, b=p(1, 2, 3))),
    "statistics that are sorted": Net(
        Run(lambda m, x: x.sort(1)[0] + x.topk(3, 1)[0].sum(1, keepdim=True).cumsum(2))
    ),
}
OTHERS["gather, index and scatter"].middle.order = torch.tensor([3, 1, 0, 2, 7, 6, 5, 4])


@pytest.fixture(scope="module")
def recorded():
    """Headers and bytes of small honest networks, as they are sent."""
    torch.manual_seed(0)
    inputs, graphs = torch.rand(max(SIZES), 3, 12, 12), []
    for network in (*(HONEST[name] for name in NAMES), *OTHERS.values()):
        recorder = Recorder()
        network.eval()(inputs)
        for size in SIZES:
            recorder.record(network, inputs[:size])
        graph = recorder.graph()
        graphs.append((json.loads(json.dumps(graph.header())), graph.payload()))
    return graphs


def attempt(recorded, rng, tell):
    """Change a graph and do with it what the clean process does; return whether it was replayed."""
    header, payload = recorded[int(rng.integers(len(recorded)))]
    text = json.dumps(header).encode()
    match int(rng.integers(10)):
        case 0:
            text = mutated(text, rng)
        case 1:
            payload = np.frombuffer(mutated(payload.tobytes(), rng), "u1")
        case _:
            header, payload = changed_graph(header, payload, rng, KNOWN)
            text = json.dumps(header).encode()
    tell(text.decode(errors="replace"))
    try:
        graph = received(np.frombuffer(text, "u1").copy(), payload)
        if tuple(p.batch_size for p in graph.programs) != SIZES:
            return False
        inputs = torch.from_numpy(rng.random((max(SIZES), 3, 12, 12), "f4"))
        outcomes = [replayed(graph, inputs[:size], program=k) for k, size in enumerate(SIZES)]
        if rng.random() < COUNTED:
            count(Interpreter(graph, device="cpu"), inputs, outline="")
    except (GraphError, MemoryError):
        return False
    return all(isinstance(outcome, bytes) for outcome in outcomes)


def test_changed_graphs_are_refused_or_use_their_own_memory_alone(recorded):
    replays = 0

    def attempts(rng):
        nonlocal replays
        with contextlib.suppress(Slow):  # an expanded tensor may have any size; jobs have a limit
            replays += in_child(
                lambda tell: sum(attempt(recorded, rng, tell) for _ in range(ATTEMPTS))
            )

    n = fuzz(attempts) * ATTEMPTS
    print(f"\n{n} changed graphs, of which {replays} could be replayed")
    assert replays >= n / 50  # else the changes only show that nonsense is refused


def test_recorded_graphs_give_the_same_result_whatever_lies_around_them(recorded):
    for header, payload in recorded:
        graph = graph_of(header, payload)
        inputs = torch.rand(3, 3, 12, 12)
        for program, size in enumerate(SIZES):
            assert isinstance(replayed(graph, inputs[:size], program=program), bytes)
