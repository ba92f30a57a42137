"""Honest networks of every kind pass the audit, and the list holds what they need and its siblings.

``pytest -m slow -s tests/worker/test_networks.py`` prints which operations each network needs.
"""

import pytest
import torch

from harness.worker.graph import wiring
from harness.worker.interpreter import Interpreter
from harness.worker.operations import OPERATIONS
from harness.worker.size import count
from tests.support.honest import HONEST
from tests.support.networks import LAYERS, MODELS, SIZES, model
from tests.worker.test_size import recorded, travelled

BUILT = {
    **{name: (lambda name=name: HONEST[name], 12) for name in HONEST},
    **{name: (build, 12) for name, build in LAYERS.items()},
    **{name: (lambda name=name: model(name), SIZES.get(name, 32)) for name in MODELS},
}
SIBLINGS = {
    "on a GPU, a layer of the same name comes to it": (
        "_cudnn_rnn cudnn_batch_norm _scaled_dot_product_cudnn_attention _thnn_fused_gru_cell"
        " _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention"
        " _thnn_fused_lstm_cell"
    ),
    "scripted networks call it where others call convolution": "_convolution",
    "cdist of many points": "_euclidean_dist",
    "a product that torch offers by another name": "_addmm_activation",
    "makes or copies a tensor as its siblings do": (
        "empty_permuted empty_strided new_empty_strided hamming_window hann_window tril_indices"
        " fft_rfftfreq _reshape_copy unsafe_split_with_sizes"
    ),
    "three dimensions where others have two": (
        "grid_sampler_3d reflection_pad3d replication_pad3d"
    ),
    "an elementwise function of the same family": (
        "_conj_physical conj_physical bitwise_left_shift bitwise_right_shift isneginf isposinf"
        " logical_xor special_erfcx special_i1 special_i1e special_ndtri special_xlog1py isin"
        " signbit gelu"
    ),
    "a distance, computed as by hand": "huber_loss mse_loss smooth_l1_loss",
    "a reduction of the same family": "cummin nanmedian nansum",
    "elements that a condition selects": "masked_select nonzero",
    "writes a part of a copy, as its siblings do": "diagonal_scatter",
}
"""Why operations are listed that no network here needs."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", BUILT)
def test_the_audit_passes(name):
    build, size = BUILT[name]
    torch.manual_seed(0)
    network, inputs = build(), torch.rand(4, 3, size, size)
    with torch.no_grad():
        network.train()(inputs)
        own = network.eval()(inputs)
    graph = travelled(recorded(network, inputs, sizes=(4, 3)))
    interpreter = Interpreter(graph, device="cpu")
    counts, _ = count(interpreter, inputs, outline=wiring(graph))
    parameters = {p.data_ptr(): p.numel() for p in network.parameters()}
    assert counts.n_params >= sum(parameters.values()) * (name != "googlenet")
    again = interpreter.answers(inputs, program=1, shape=tuple(own.shape[1:]))
    assert torch.allclose(torch.from_numpy(again), own.float(), rtol=2e-2, atol=2e-2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_every_listed_operation_is_needed_or_the_sibling_of_one_that_is():
    needed = set()
    for name, (build, size) in BUILT.items():
        network, inputs = build(), torch.rand(2, 3, size, size)
        with torch.no_grad():
            network.train()(inputs)
        (program,) = recorded(network.eval(), inputs, sizes=(2,)).programs
        operations = {node.op for node in program.nodes}
        print(f"\n{name} needs", *sorted(op.removeprefix("aten.") for op in operations))
        needed |= operations
    assert needed <= OPERATIONS.keys()
    families = {family_of(op) for op in needed}
    told = {name for names in SIBLINGS.values() for name in names.split()}
    assert not {op for op in OPERATIONS if family_of(op) not in families | told}
    assert told <= {family_of(op) for op in OPERATIONS}


def family_of(op):
    """The operation without its overload, and without the mark of those that work in place."""
    return op.split(".")[1].removesuffix("_") or op
