"""No listed operation reads outside its tensors, whatever a graph gives it."""

import pytest
import torch
from torch.nn import functional as F

from harness.worker.graph import GraphError
from harness.worker.interpreter import Interpreter
from harness.worker.operations import GROUPS
from harness.worker.tracing import Recorder
from tests.support.honest import Run
from tests.worker.test_interpreter import program

INT = {"dtype": {"dtype": "int64"}}
X, MADE, OUT = {"tensor": 0}, {"tensor": 1}, {"tensor": 2}
"""The input, (4, 4, 4, 4); what a test makes of it; what the operation gives."""


def computed(*nodes, result=2):
    """What a graph gives for sixty-four rows of four ones."""
    return program(*nodes, result=result, batch_size=4).run(torch.ones(4, 4, 4, 4), program=0)


def indices(number, shape):
    return ("full.default", [shape, number], INT, [1])


def one_row(op, *args):
    """An operation with indices of the shape of one row of a matrix of rows."""
    rows = ("view.default", [X, [64, 4]], {}, [3])
    return lambda i: [indices(i, [4]), rows, (op, [{"tensor": 3}, *args], {}, [2])]


SAME = [4, 4, 4, 4]
ROW = {"tensor": 4}
COPY, OWN = ("clone.default", [X], {}, [5]), {"tensor": 5}
TAKES_INDICES = {
    "embedding.default": lambda i: [
        indices(i, [4]), ("view.default", [X, [64, 4]], {}, [3]),
        ("embedding.default", [{"tensor": 3}, MADE], {}, [2])],
    "index.Tensor": one_row("index.Tensor", [MADE]),
    "index_select.default": one_row("index_select.default", 0, MADE),
    "take.default": one_row("take.default", MADE),
    **{
        op: lambda i, op=op: [
            indices(i, [4]), COPY, (op, [OWN, 0, MADE, X], {}, [2])]
        for op in ("index_add.default", "index_add_.default", "index_copy.default",
                   "index_copy_.default")
    },
    **{
        op: one_row(op, 0, MADE, 0.0) for op in ("index_fill.int_Scalar", "index_fill_.int_Scalar")
    },
    **{
        op: lambda i, op=op: [
            indices(i, [4]), ("zeros.default", [[]], {}, [4]), (op, [X, 0, MADE, ROW], {}, [2])]
        for op in ("index_fill.int_Tensor", "index_fill_.int_Tensor")
    },
    **{
        op: lambda i, op=op: [
            indices(i, [4]), ("zeros.default", [[]], {}, [4]), (op, [X, [MADE], ROW], {}, [2])]
        for op in ("index_put.default", "index_put_.default")
    },
    "gather.default": lambda i: [indices(i, SAME), ("gather.default", [X, 1, MADE], {}, [2])],
    **{
        op: lambda i, op=op: [indices(i, SAME), COPY, (op, [OWN, 1, MADE, X], {}, [2])]
        for op in ("scatter.src", "scatter_.src", "scatter_add.default", "scatter_add_.default")
    },
    **{
        op: lambda i, op=op: [indices(i, SAME), COPY, (op, [X, 1, MADE, 0.0], {}, [2])]
        for op in ("scatter.value", "scatter_.value")
    },
    **{
        op: lambda i, op=op: [indices(i, SAME), COPY, (op, [OWN, 1, MADE, X], {"reduce": "add"}, [2])]
        for op in ("scatter.reduce", "scatter_.reduce")
    },
    **{
        op: lambda i, op=op: [indices(i, SAME), COPY, (op, [X, 1, MADE, 2.0], {"reduce": "add"}, [2])]
        for op in ("scatter.value_reduce", "scatter_.value_reduce")
    },
    **{
        op: lambda i, op=op: [indices(i, SAME), COPY, (op, [OWN, 1, MADE, X, "amax"], {}, [2])]
        for op in ("scatter_reduce.two", "scatter_reduce_.two")
    },
    "max_unpool2d.default": lambda i: [
        indices(i, SAME), ("max_unpool2d.default", [X, MADE, [8, 8]], {}, [2])],
}  # fmt: skip
LARGEST = {"take.default": 256, "max_unpool2d.default": 64, "embedding.default": 64,
           "index.Tensor": 64, "index_select.default": 64, "index_fill.int_Scalar": 64,
           "index_fill_.int_Scalar": 64}  # fmt: skip
"""The first index that is too large, where it is not four."""
TAKES_NO_INDICES = {"masked_scatter.default", "masked_scatter_.default", "masked_select.default",
                    "nonzero.default"}  # fmt: skip


def test_all_operations_with_indices_are_tried():
    (why,) = (group.why for group in GROUPS if "index.Tensor" in group.names.split())
    names = {name for group in GROUPS if group.why == why for name in group.names.split()}
    assert names == TAKES_INDICES.keys() | TAKES_NO_INDICES


@pytest.mark.parametrize("op", TAKES_INDICES)
def test_indices_out_of_range_are_refused(op):
    nodes = TAKES_INDICES[op]
    largest = LARGEST.get(op, 4)
    assert computed(*nodes(largest - 1)).numel() > 0
    for index in (largest, largest + 10**6, 2**31 - 1, -(2**31)):
        with pytest.raises(GraphError, match=r"(?i)index|indices|out of|bounds"):
            computed(*nodes(index))


def test_a_mask_takes_no_more_than_there_is():
    few = ("full.default", [[3], 1.0], {}, [1])
    mask = ("gt.Scalar", [X, 0.5], {}, [3])
    with pytest.raises(GraphError, match="Number of elements"):
        computed(few, mask, ("masked_scatter.default", [X, {"tensor": 3}, MADE], {}, [2]))


def float_of(shape):
    return ("zeros.default", [shape], {}, [1])


def complex_of(shape):
    return ("zeros.default", [shape], {"dtype": {"dtype": "complex64"}}, [1])


LSTM = {"mode": 2, "hidden": 4, "gates": 16}


def rnn(rows, source=X, **changed):
    """An LSTM of width four over four steps of four rows, with as many rows of weights."""
    given = {
        "reverse": False,
        "batch_sizes": [],
        "mode": 2,
        "hidden_size": 4,
        "num_layers": 1,
        "has_biases": True,
        "bidirectional": False,
        "batch_first": False,
        "train": False,
    }
    given |= changed
    return [
        ("select.int", [source, 0, 0], {}, [3]), ("zeros.default", [[rows, 4]], {}, [1]),
        ("zeros.default", [[rows]], {}, [4]), ("zeros.default", [[1, 4, 4]], {}, [5]),
        ("mkldnn_rnn_layer.default",
         [{"tensor": 3}, MADE, MADE, ROW, ROW, {"tensor": 5}, {"tensor": 5}, *given.values()], {},
         [2, 6, 7, 8]),
    ]  # fmt: skip


def attention(query, key, value, mask=None):
    made = [("zeros.default", [shape], {}, [n])
            for n, shape in enumerate((query, key, value, mask), 3) if shape is not None]  # fmt: skip
    given = [{"tensor": 3}, {"tensor": 4}, {"tensor": 5}]
    masked = {} if mask is None else {"attn_mask": {"tensor": 6}}
    return [*made, ("_scaled_dot_product_flash_attention_for_cpu.default", given, masked, [2, 7])]


BATCH = [1, 2, 3, 4]
TRUSTING = [
    [float_of([3]), ("native_batch_norm.default", [X, MADE, None, None, None, True, 0.1, 1e-5], {}, [2, 3, 4])],
    [float_of([3]), ("native_batch_norm.default", [X, None, None, MADE, MADE, False, 0.1, 1e-5], {}, [2, 3, 4])],
    [("native_batch_norm.default", [X, None, None, None, None, False, 0.1, 1e-5], {}, [2, 3, 4])],
    [("native_group_norm.default", [X, None, None, 4, 4, 10**6, 2, 1e-5], {}, [2, 3, 4])],
    [("native_group_norm.default", [X, None, None, 4, 400, 16, 2, 1e-5], {}, [2, 3, 4])],
    [float_of([3]), ("native_group_norm.default", [X, MADE, None, 4, 4, 16, 2, 1e-5], {}, [2, 3, 4])],
    [float_of([3]), ("native_layer_norm.default", [X, [4], MADE, None, 1e-5], {}, [2, 3, 4])],
    [("native_layer_norm.default", [X, [8], None, None, 1e-5], {}, [2, 3, 4])],
    [float_of([1, 1, 1, 1]), ("_weight_norm_interface.default", [X, MADE, 0], {}, [2, 3])],
    [float_of([4, 1, 1, 1]), ("_weight_norm_interface.default", [X, MADE, 1], {}, [2, 3])],
    [float_of([3]), ("_cdist_forward.default", [X, MADE, 2.0, None], {}, [2])],
    [float_of([4, 4, 4, 9]), ("_cdist_forward.default", [X, MADE, 2.0, None], {}, [2])],
    [complex_of([4, 4]), ("_fft_c2r.default", [MADE, [1], 0, 1000], {}, [2])],
    [complex_of([4, 4]), ("_fft_c2c.default", [MADE, [1, 1], 0, True], {}, [2])],
    [complex_of([4, 4]), ("_fft_c2c.default", [MADE, [7], 0, True], {}, [2])],
    [("_fft_r2c.default", [X, [-9], 0, True], {}, [2])],
    [("upsample_nearest2d.default", [X, [8, 8], 1e-30, 1e-30], {}, [2])],
    [("upsample_nearest2d.default", [X, [8, 8], float("nan"), None], {}, [2])],
    [("_upsample_bicubic2d_aa.default", [X, [8, 8], False, 1e-30, 2.0], {}, [2])],
    [float_of([4, 4, 4, 2]), ("grid_sampler_2d.default", [X, MADE, 7, 0, False], {}, [2])],
    [float_of([4, 4, 4, 2]), ("grid_sampler_2d.default", [X, MADE, 0, 7, False], {}, [2])],
    [float_of([9, 4, 4, 2]), ("grid_sampler_2d.default", [X, MADE, 0, 0, False], {}, [2])],
    [float_of([4, 4, 4, 3]), ("grid_sampler_2d.default", [X, MADE, 0, 0, False], {}, [2])],
    [float_of([3, 2, 3]), ("affine_grid_generator.default", [MADE, [4, 1, 4, 4], False], {}, [2])],
    [indices(10**6, [4]), ("arange.default", [4], {}, [3]),
     ("searchsorted.Tensor", [{"tensor": 3}, {"tensor": 3}], {"sorter": MADE}, [2])],
    [("as_strided.default", [X, [257], [1]], {}, [2])],
    [("as_strided.default", [X, [1], [1], 256], {}, [2])],
    [("select.int", [X, 0, 1], {}, [1]), ("as_strided.default", [MADE, [64], [1], 0], {}, [2])],
    [("expand.default", [X, [4, 4, 4, 4]], {}, [1]), ("slice.Tensor", [MADE, 1, 0, 2], {}, [3]),
     ("as_strided.default", [{"tensor": 3}, [65], [1]], {}, [2])],
    rnn(15), rnn(17), rnn(16, mode=3), rnn(16, hidden_size=400), rnn(16, batch_sizes=[4]),
    rnn(16, train=True),
    attention(BATCH, [1, 2, 3, 4], [1, 2, 9, 4]), attention(BATCH, [1, 2, 3, 5], BATCH),
    attention(BATCH, [1, 1, 3, 4], BATCH), attention(BATCH, BATCH, BATCH, [3, 2]),
    attention(BATCH, BATCH, BATCH, [9, 2, 3, 3]), attention([1, 2, 3, 4], [1, 2, 0, 4], [1, 2, 0, 4]),
    [float_of([1, 9]), ("_trilinear.default", [MADE, MADE, MADE, [0], [1], [1], [3], 9], {}, [2])],
]  # fmt: skip


@pytest.mark.parametrize("nodes", TRUSTING, ids=lambda nodes: nodes[-1][0].split(".")[0])
def test_arguments_that_a_layer_never_gives_are_refused_before_anything_is_read(nodes):
    with pytest.raises(GraphError, match=r"^expected"):
        computed(*nodes)


@pytest.mark.parametrize(
    "nodes",
    [rnn(16), attention(BATCH, BATCH, BATCH), attention(BATCH, BATCH, BATCH, [1, 1, 1, 3]),
     [("upsample_nearest2d.default", [X, [8, 8], 2.0, None], {}, [2])],
     [("upsample_nearest2d.default", [X, [8, 8], 2.0, 2.0], {}, [2])],
     [("as_strided.default", [X, [256], [1]], {}, [2])]],
    ids=lambda nodes: nodes[-1][0].split(".")[0],
)  # fmt: skip
def test_what_layers_give_passes(nodes):
    assert computed(*nodes).numel() > 0


@pytest.mark.parametrize(
    "op",
    [("native_group_norm.default", [OUT, None, None, 32, 32, 1024, 2, 1e-5]),
     ("native_batch_norm.default", [OUT, None, None, None, None, True, 0.1, 1e-5]),
     ("max_pool2d_with_indices.default", [OUT, [2, 2]]),
     ("upsample_bilinear2d.default", [OUT, [64, 64], False]),
     ("_fft_r2c.default", [OUT, [3], 0, True]),
     ("convolution.default", [{"tensor": 6}, OUT, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1])],
    ids=lambda op: op[0].split(".")[0],
)  # fmt: skip
def test_one_number_expanded_is_read_as_that_number_alone(op):
    """A kernel that ignored strides would read a million numbers where there is one."""
    nodes = [
        ("full.default", [[1, 1, 1, 1], 3.0], {}, [1]), ("expand.default", [MADE, [32, 32, 32, 32]], {}, [7]),
        ("slice.Tensor", [{"tensor": 7}, 0, 0, 32], {}, [2]), ("ones.default", [[1, 32, 32, 32]], {}, [6]),
        (*op, {}, [4] if "conv" in op[0] or "fft" in op[0] or "up" in op[0] else [4, 5] if "pool" in op[0] else [4, 5, 8]),
    ]  # fmt: skip
    found = computed(*nodes, result=4)
    found = torch.view_as_real(found)[..., :1, 0] if found.is_complex() else found
    assert (found == found.flatten()[0]).all()


@pytest.mark.parametrize("op", ["_adaptive_avg_pool2d.default", "_adaptive_avg_pool3d.default"])
def test_no_tensor_has_a_size_below_zero(op):
    sizes = [0, -1] if "2d" in op else [0, 1, -1]
    with pytest.raises(GraphError, match="sizes of at least zero"):
        computed((op, [X, sizes], {}, [2]))


def test_no_tensor_has_more_dimensions_than_kernels_have_room_for():
    with pytest.raises(GraphError, match="at most 25 dimensions"):
        computed(("view.default", [X, [*[1] * 40, 256]], {}, [2]))


def test_the_reason_why_stays_with_every_group():
    assert all(len(group.why) > 20 and list(group) for group in GROUPS)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("op", ["div.Tensor_mode", "div_.Tensor_mode"])
def test_the_quotient_that_ends_the_process_is_refused(dtype, op):
    given = {"dtype": {"dtype": dtype}}
    least, minus = -(2**31), ("full.default", [[4], -1], given, [4])
    made = [("full.default", [[4], least], given, [3])]
    if dtype == "int64":
        made.append(("mul.Tensor", [{"tensor": 3}, 2**32], {}, [1]))
    quotient = (
        op,
        [{"tensor": 1 if dtype == "int64" else 3}, ROW],
        {"rounding_mode": "trunc"},
        [2],
    )
    with pytest.raises(GraphError, match="a divisor of integers other than -1"):
        computed(*made, minus, quotient)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_attention_to_a_width_that_is_scattered_is_refused(place):
    """Its kernel would give memory that it never wrote."""
    given = [X, X, X]
    given[place] = {"tensor": 3}
    scattered = ("permute.default", [X, [3, 2, 1, 0]], {}, [3])
    op = "_scaled_dot_product_flash_attention_for_cpu.default"
    with pytest.raises(GraphError, match="that are contiguous along their width"):
        computed(scattered, (op, given, {}, [2, 4]))


WRITES = {
    "index_put": lambda x, i: torch.zeros(50).index_put((i,), x[0]),
    "index_copy": lambda x, i: torch.zeros(50).index_copy(0, i, x[0]),
    "max_unpool2d": lambda x, i: F.max_unpool2d(
        x.view(1, 2, 250, -1), i.view(1, 2, 250, -1) + 0, 1, output_size=(250, 400)
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_repeated_indices_give_one_result_on_several_threads(write):
    """The last write stays, as on one thread; threads that race leave another one at times."""
    random = torch.Generator().manual_seed(0)
    x = torch.rand(1, 200_000, generator=random)
    i = torch.randint(0, 50, (200_000,), generator=random)
    recorder = Recorder()
    recorder.record(Run(lambda _, given: write(given, i)).eval(), x)
    interpreter = Interpreter(recorder.graph(), device="cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = write(x, i)
    torch.set_num_threads(4)
    try:
        found = [interpreter.run(x, program=0) for _ in range(10)]
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(before, after) for after in found)
