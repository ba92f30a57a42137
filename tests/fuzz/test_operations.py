"""Each operation that is replayed, called at random: it uses no memory but that of its tensors."""

import collections
import contextlib
import json
import warnings

import pytest
import torch
from torch.nn import functional as F

from harness.worker import flops
from harness.worker.graph import GraphError, graph_of
from harness.worker.interpreter import Interpreter
from harness.worker.operations import OPERATIONS, Rule
from harness.worker.tracing import Recorder
from tests.support.fuzzing import SECONDS, fuzz
from tests.support.honest import HONEST, Run
from tests.support.mutations import call, calls_of, changed_graph, with_result_of
from tests.support.networks import LAYERS
from tests.support.replaying import Beyond, Slow, in_child, replayed
from tests.support.schemas import Caller, overload

ATTEMPTS = 60
"""Attempts of one process; calls that succeed are changed further."""
DRAWN = 0.35
"""Share of calls that are drawn by the operation's schema alone."""
LONG = 60
"""Seconds from which on calls of many networks are recorded first."""


def others(_, x):
    """Calls that the networks of ``tests.support.networks`` lack, or make on no small tensor."""
    volume = x[:, None]
    places, grid = torch.zeros(x.shape, dtype=torch.int64), torch.zeros(len(x), 2, 2, 2, 3)
    for reduce in ("add", "multiply"):
        x = x.scatter(1, places, x, reduce=reduce).scatter_(1, places, 2.0, reduce=reduce)
        x = x.scatter_(1, places, x.clone(), reduce=reduce).scatter(1, places, 2.0, reduce=reduce)
    x = x.scatter_reduce_(1, places, x.clone(), "amax").scatter_reduce(1, places, x, "prod")
    for mode in ("reflect", "replicate"):
        F.pad(volume, (1,) * 6, mode=mode)
    F.grid_sample(volume, grid, align_corners=False)
    torch.ops.aten._addmm_activation(x[0, 0, 0], x[0, 0], x[0, 1])
    torch.cdist(x.flatten(1).view(72, -1), x.flatten(1).view(72, -1))
    x.masked_select(x > 0), x.nonzero()
    return x


@pytest.fixture(scope="module")
def recorded():
    """Calls of operations in honest networks, by their name."""
    found = collections.defaultdict(list)
    names = LAYERS if SECONDS >= LONG else ["every pooling", "every convolution"]
    networks = [LAYERS[name]() for name in names]
    networks += [Run(others), HONEST["LSTM"], HONEST["batch norm"], HONEST["scaled dot product"]]
    inputs = torch.rand(2, 3, 12, 12)
    warnings.simplefilter("ignore")  # pytest restores the filters after the fixture
    for network in networks:
        recorder = Recorder()
        with contextlib.suppress(GraphError), torch.no_grad():  # some draw random numbers
            network.eval()(inputs)
            recorder.record(network, inputs)
            interpreter = Interpreter(recorder.graph(), device="cpu")
            for op, calls in calls_of(interpreter, inputs).items():
                found[op] += calls
    return found


def hunt(op, calls, rng, tell):
    """Call an operation again and again; return how often it gave a result."""
    torch.set_num_threads(int(rng.integers(1, 3)))  # kernels divide large tensors among threads
    succeeded, n = [(json.loads(json.dumps(h)), payload) for h, payload in calls], 0
    for _ in range(ATTEMPTS):
        if succeeded and rng.random() > DRAWN:
            header, payload = changed_graph(*succeeded[int(rng.integers(len(succeeded)))], rng)
        else:
            drawn = Caller(overload(op), rng).call()
            if drawn is None:  # its tensors are too large together
                continue
            header, payload = drawn
        with_result_of(header, header["programs"][0][2][0], rng)
        tell(json.dumps(header))
        try:
            result = replayed(graph_of(header, payload), torch.rand(2, 3, 4, 4))
        except GraphError:
            continue
        if isinstance(result, bytes):
            succeeded.append((header, payload))
            n += 1
    return n


def test_operations_use_the_memory_of_their_tensors_alone(recorded):
    known, succeeded = sorted(OPERATIONS), collections.Counter()
    checked = [op for op in known if OPERATIONS[op].check is not None]

    def attempt(rng):
        op = str(rng.choice(checked if rng.random() < 0.3 else known))
        calls = recorded[op] or [renamed(c, op) for c in recorded[op.replace("_.", ".")]]
        with contextlib.suppress(Slow):  # an expanded tensor may have any size; jobs have a limit
            succeeded[op] += in_child(lambda tell: hunt(op, calls, rng, tell))

    n = fuzz(attempt) * ATTEMPTS
    never = sorted(op for op, times in succeeded.items() if not times)
    print(f"\n{n} calls, {sum(succeeded.values())} with a result; none of {', '.join(never)}")
    assert 2 * len(never) <= len(succeeded) + 2  # else the calls only show that nonsense is refused


@pytest.mark.parametrize("op", ["median.dim", "nanmedian.dim"])
@pytest.mark.parametrize("shape", [(3, 2), (20, 2), (20, 1)])
def test_a_median_along_an_expanded_dimension_is_that_of_its_elements(op, shape):
    tensors = {0: torch.tensor([1.0, 2.0])[: shape[1]].expand(shape)}
    header, payload = call(f"aten.{op}", [{"tensor": 0}, 0], {}, 2, tensors)
    found = replayed(graph_of(header, payload), torch.rand(2, 3, 4, 4))
    assert found.endswith(tensors[0][0].numpy().tobytes())


def renamed(one, op):
    header, payload = json.loads(json.dumps(one[0])), one[1]
    header["programs"][0][2][0][0] = op
    return header, payload


def test_a_read_beyond_a_tensor_is_seen(monkeypatch):
    """``segment_reduce`` takes its caller's word for it that segments end within the data."""
    op = "aten.segment_reduce.default"
    monkeypatch.setitem(OPERATIONS, op, Rule(flops=flops.elements))
    tensors = {0: torch.ones(8), 1: torch.tensor([0, 40])}
    kwargs = {"offsets": {"tensor": 1}, "unsafe": True}
    for ends, beyond in ((8, False), (40, True)):
        tensors[1][1] = ends
        graph = graph_of(*call(op, [{"tensor": 0}, "sum"], kwargs, 1, tensors))
        with pytest.raises(Beyond) if beyond else contextlib.nullcontext():
            replayed(graph, torch.rand(2, 3, 4, 4))


def test_a_write_beyond_a_tensor_is_seen(monkeypatch):
    """Without its check, a normalisation writes as many statistics as its input has channels."""
    op = "aten.native_batch_norm.default"
    monkeypatch.setitem(OPERATIONS, op, Rule(flops=flops.elements))
    tensors = {k: torch.ones(4) for k in range(1, 5)} | {0: torch.rand(2, 32, 3, 3)}
    args = [*({"tensor": k} for k in range(5)), True, 0.1, 1e-5]
    graph = graph_of(*call(op, args, {}, 3, tensors))
    with pytest.raises(Beyond):
        replayed(graph, torch.rand(2, 3, 4, 4))
