"""Operations counted: products exactly, fused or not, and no loop for nothing."""

import math

import pytest
import torch
from torch import nn
from torch.autograd.profiler import profile
from torch.nn import functional as F

from harness.worker import flops
from harness.worker.interpreter import Interpreter, per_input
from harness.worker.operations import OPERATIONS
from harness.worker.tracing import Recorder
from tests.support.honest import Run


def counted(computation, *inputs, **parts):
    """The operations of a computation, by kind, as the clean process counts them."""
    recorder = Recorder()
    network = Run(computation, **parts).eval()
    recorder.record(network, inputs[0])
    interpreter = Interpreter(recorder.graph(), device="cpu")
    found = []
    interpreter.run(inputs[0], program=0, tally=found.append)
    return dict(zip([n.op for n in recorder.graph().programs[0].nodes], found, strict=True)), found


def rand(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


A, B, S, Q = rand(7, 9), rand(9, 3), rand(2, 5, 16), rand(2, 4, 5, 8)
BATCHES, OTHERS, IMAGES = rand(6, 7, 9), rand(6, 9, 3), rand(2, 8, 6, 6)
TRIPLE, KERNELS, DEPTHWISE, UP = rand(3, 9, 9), rand(4, 8, 3, 3), rand(8, 1, 3, 3), rand(8, 4, 2, 2)
LONG = rand(500, 9)
SQUARE = rand(9, 9) + 9 * torch.eye(9)
SIDES = rand(6, 9, 3)
COLUMN = 4 * torch.eye(9)[:1].expand(9, 9)
WHOLE = torch.arange(9)
aten = torch.ops.aten


CASES = [
        (lambda x: x @ B, A, {"mm": 2 * 7 * 9 * 3}),
    (lambda x: (x + 0j) @ (B + 0j), A, {"mm": 8 * 7 * 9 * 3}),
    (lambda x: torch.addr(x + 0j, A[:, 0] + 0j, B[:, 0] + 0j), A, {"addr": 8 * 7 * 9}),
    (lambda x: x @ B[:, 0], A, {"mv": 2 * 7 * 9}),
    (lambda x: torch.dot(x[0], x[1]), A, {"dot": 2 * 9}),
    (lambda x: torch.vdot(x[0], x[1]), A, {"vdot": 2 * 9}),
    (lambda x: torch.outer(x[0], x[1]), A, {"mul": 9 * 9}),
    (lambda x: x @ OTHERS, BATCHES, {"bmm": 2 * 6 * 7 * 9 * 3}),
    (lambda x: torch.einsum("bij,bjk->bik", x, OTHERS), BATCHES, {"bmm": 2 * 6 * 7 * 9 * 3}),
    (lambda x: torch.addmm(B[0], x, B), A, {"addmm": 2 * 7 * 9 * 3}),
    (lambda x: A[:, :3].clone().addmm_(x, B), A, {"addmm_": 2 * 7 * 9 * 3}),
    (lambda x: aten._addmm_activation(B[0], x, B), A, {"_addmm_activation": 2 * 7 * 9 * 3}),
    (lambda x: torch.baddbmm(B[0], x, OTHERS), BATCHES, {"baddbmm": 2 * 6 * 7 * 9 * 3}),
    (lambda x: torch.addbmm(B[0], x, OTHERS), BATCHES, {"addbmm": 2 * 6 * 7 * 9 * 3}),
    (lambda x: torch.addmv(A[:, 0], x, B[:, 0]), A, {"addmv": 2 * 7 * 9}),
    (lambda x: torch.addr(x, A[:, 0], B[:, 0]), A, {"addr": 2 * 7 * 9}),
    (lambda x: F.conv2d(x, KERNELS), IMAGES, {"convolution": 2 * 2 * 16 * 4 * 8 * 9}),
    (lambda x: F.conv2d(x, DEPTHWISE, groups=8), IMAGES,
         {"convolution": 2 * 2 * 16 * 8 * 9}),
    (lambda x: F.conv_transpose2d(x, UP), IMAGES,
         {"convolution": 2 * 2 * 36 * 8 * 4 * 4}),
    (lambda x: F.scaled_dot_product_attention(x, x, x), Q,
         {"_scaled_dot_product_flash_attention_for_cpu": 2 * 2 * 2 * 4 * 5 * 5 * 8}),
    (lambda x: torch.cdist(x, B.t()), A, {"_cdist_forward": 3 * 7 * 3 * 9}),
    (lambda x: torch.cdist(x[:, :1], B[:, :1]), A, {"_cdist_forward": 2 * 7 * 9 * 3}),
    (lambda x: torch.cdist(x[:, :0], B[:, :0]), A, {"_cdist_forward": 2 * 7 * 9 * 2}),
    (lambda x: F.affine_grid(x[:2, :6].view(2, 2, 3), [2, 1, 4, 5], False), A,
     {"affine_grid_generator": 2 * 3 * 2 * 4 * 5 * 2}),
    (lambda x: F.affine_grid(x[:4, :6].reshape(2, 3, 4), [2, 1, 4, 5, 6], False), A,
     {"affine_grid_generator": 2 * 4 * 2 * 4 * 5 * 6 * 3}),
    (lambda x: F.bilinear(x, x, TRIPLE), A, {"_trilinear": 3 * 7 * 3 * 9 * 9}),
    (lambda x: F.avg_pool2d(x, 3, 1), IMAGES, {"avg_pool2d": 2 * 8 * 16 * 9}),
    (lambda x: F.max_pool2d(x, 3, 1), IMAGES, {"max_pool2d_with_indices": 2 * 8 * 16 * 9}),
    (lambda x: F.adaptive_avg_pool2d(x, 4), IMAGES, {"_adaptive_avg_pool2d": 2 * 8 * 16 * 9}),
    (lambda x: F.interpolate(x, size=9, mode="bicubic"), IMAGES,
         {"upsample_bicubic2d": 2 * 8 * 81 * 16}),
    (lambda x: torch.fft.fft(x).real, torch.zeros(2, 1021),
     {"_fft_r2c": 2 * (5 * 1021 * 10 + 15 * 2048 * 11)}),
    (lambda x: torch.fft.fft(x).real, torch.zeros(2, 34), {"_fft_r2c": 2 * 34 * (5 * 6 + 4 * 17)}),
    (lambda x: torch.fft.fft(x).real, IMAGES, {"_fft_r2c": 5 * 2 * 8 * 6 * 6 * 3}),
    (torch.linalg.inv, SQUARE, {"linalg_inv_ex": 2 * 9**3}),
    (lambda x: torch.linalg.solve(x, B), SQUARE,
         {"_linalg_solve_ex": 2 * 9**3 // 3 + 2 * 81 * 3}),
    (lambda x: torch.linalg.svd(x)[1], A, {"_linalg_svd": 22 * 9 * 9 * 7}),
    (lambda x: torch.linalg.matrix_exp(x / 99), SQUARE, {"linalg_matrix_exp": 2 * 9**3 * 6}),
    (torch.linalg.matrix_exp, SQUARE, {"linalg_matrix_exp": 2 * 9**3 * (6 + 4)}),
    (lambda x: x.sort(-1)[0], A, {"sort": 2 * 63 * 4}),
    (lambda x: F.adaptive_max_pool2d(x, 2), IMAGES, {"adaptive_max_pool2d": 2 * 8 * 4 * 9}),
    (lambda x: F.interpolate(x, size=9, mode="bilinear"), IMAGES,
     {"upsample_bilinear2d": 2 * 8 * 81 * 4}),
    (lambda x: F.interpolate(x, size=3, mode="bilinear", antialias=True), IMAGES,
     {"_upsample_bilinear2d_aa": 2 * 8 * 9 * 16}),
    (lambda x: F.interpolate(x, size=3, mode="bicubic", antialias=True), IMAGES,
     {"_upsample_bicubic2d_aa": 2 * 8 * 9 * 64}),
    (lambda x: torch.linalg.cholesky(x @ x.t()), SQUARE, {"linalg_cholesky_ex": 9**3 // 3}),
    (torch.linalg.det, SQUARE, {"_linalg_det": 2 * 9**3 // 3}),
    (lambda x: torch.linalg.slogdet(x)[1], SQUARE, {"_linalg_slogdet": 2 * 9**3 // 3}),
    (lambda x: torch.linalg.solve_triangular(x, B, upper=True), SQUARE,
     {"linalg_solve_triangular": 2 * 81 * 3}),
    (lambda x: torch.cholesky_solve(B, x), SQUARE, {"cholesky_solve": 2 * 81 * 3}),
    (lambda x: torch.linalg.solve(x, LONG, left=False), SQUARE,
     {"_linalg_solve_ex": 500 * 9 + 81 + 9 + 1 + 2 * 81 * 500}),
    (lambda x: torch.linalg.solve_triangular(x, LONG, upper=True, left=False), SQUARE,
     {"linalg_solve_triangular": 2 * 81 * 500}),
    (lambda x: torch.linalg.inv(x + 0j).real, SQUARE, {"linalg_inv_ex": 4 * 2 * 9**3}),
    (lambda x: torch.linalg.qr(x)[0], SQUARE, {"linalg_qr": 4 * 9**3}),
    (lambda x: torch.linalg.householder_product(x, x[0]), SQUARE,
     {"linalg_householder_product": 4 * 9**3}),
    (lambda x: torch.linalg.eigh(x)[0], SQUARE, {"_linalg_eigh": 9 * 9**3}),
    (lambda x: torch.topk(x, 2).values, A, {"topk": 63 * 4}),
    (lambda x: torch.linalg.solve(SQUARE, x), SIDES,
     {"_linalg_solve_ex": 2 * 9**3 // 3 + 2 * 81 * 6 * 3}),
    (lambda x: torch.linalg.solve_triangular(SQUARE, x, upper=True), SIDES,
     {"linalg_solve_triangular": 2 * 81 * 6 * 3}),
    (lambda x: torch.cholesky_solve(x, SQUARE), SIDES, {"cholesky_solve": 2 * 81 * 6 * 3}),
    (lambda x: torch.linalg.inv(x + 0j), SQUARE, {"linalg_inv_ex": 4 * 2 * 9**3}),
    (lambda x: torch.addcmul(x, x[:, :1], x[:1]), A, {"addcmul": 2 * 63}),
    (lambda x: torch.linalg.cross(x[:3, :3], x[3:6, 3:6]), A, {"linalg_cross": 3 * 9}),
    (lambda x: (x + 0j) * (x + 0j), A, {"mul": 4 * 63}),
    (lambda x: aten.avg_pool3d(x, [3], [1]), IMAGES, {"avg_pool3d": 2 * 6 * 4 * 4 * 27}),
    (lambda x: F.interpolate(x, size=3, mode="bicubic", antialias=True), IMAGES,
     {"_upsample_bicubic2d_aa": 2 * 8 * 9 * 64}),
    (lambda x: torch.isin(x, LONG), A, {"isin": (63 + 4500) * 13}),
    (lambda x: torch.isin(x, A[0]), A, {"isin": 63 * 9}),
    (lambda x: torch.isin(x, A[:2].flatten()), A, {"isin": 63 * 18}),
    (lambda x: torch.kthvalue(x, 2, dim=0).values, A, {"kthvalue": 63 * 7}),
    (lambda x: aten.mse_loss(x[:, :1], x[:1], 2), A, {"mse_loss": 63}),
    (lambda x: aten.smooth_l1_loss(x[:, :1], x[:1], 1), A, {"smooth_l1_loss": 63}),
    (lambda x: aten.huber_loss(x[:, :1], x[:1], 1), A, {"huber_loss": 63}),
    (lambda x: x[:1].masked_select(x[:, :1] > 2), A, {"masked_select": 63}),
    (lambda x: x[:2].clone().index_fill_(0, torch.zeros(7, dtype=int), 1.0), A,
     {"index_fill_": 7 * 9}),
    (lambda x: aten.index_put(x[:2], [torch.zeros(7, dtype=int)], x[0, 0], True), A,
     {"index_put": 7 * 9}),
    (lambda x: aten.index_put(x[:2, :2], [torch.zeros(7, 1, dtype=int), torch.ones(9, dtype=int)],
                              x[0, 0], True), A, {"index_put": 63}),
    (lambda x: aten.index_put(x, [None, x[0] > 2], x[0, 0]), A, {"index_put": 63}),
    (lambda x: torch.addmm(x, x[:, :0], B[:0, :1].expand(0, 9), beta=2), A, {"addmm": 63}),
    (lambda x: aten._addmm_activation(x, x[:, :0], x[:0], use_gelu=True), A,
     {"_addmm_activation": 63}),
    (lambda x: torch.baddbmm(x, x[..., :0], x[:, :0]), BATCHES, {"baddbmm": 6 * 63}),
    (lambda x: torch.addbmm(x[0], x[:0, :, :1], x[:0, :1]), BATCHES, {"addbmm": 63}),
    (lambda x: F.conv_transpose2d(x[:, :, :2, :2], UP[:, :1, :1, :1], stride=99), IMAGES,
     {"convolution": 2 * 100 * 100}),
    (lambda x: torch.linalg.qr(x, mode="complete")[0], LONG, {"linalg_qr": 4 * 500 * 500 * 9}),
    (lambda x: torch.linalg.svd(x)[0], LONG, {"_linalg_svd": 22 * 500 * 500 * 9}),
    (lambda x: x + torch.empty_strided((9,), (1000,)).zero_(), A, {"empty_strided": 8001}),
    (lambda x: torch.linalg.matrix_exp(COLUMN * x[0, 0].sign()), A,
     {"linalg_matrix_exp": 2 * 9**3 * (6 + 6)}),
    (lambda x: torch.linalg.matrix_exp(torch.stack([x - x, x - x + 1e38])), SQUARE,
     {"linalg_matrix_exp": 2 * 9**3 * (6 + 6 + 130)}),
    (lambda x: torch.linalg.matrix_exp((x - x).bfloat16() / 0), SQUARE,
     {"linalg_matrix_exp": 2 * 9**3 * (6 + 128)}),
    (lambda x: x.flatten().view(63, 1).median(), A, {"median": 63 * 6}),
    (lambda x: x.flatten().view(63, 1).nanmedian(), A, {"nanmedian": 63 * 6}),
    (lambda x: x.median(1).values, A, {"median": 63 * 4}),
    (lambda x: x.long() ** WHOLE, A, {"pow": 9 * 7 * 2 * 64}),
    (lambda x: x.to(torch.uint8) ** WHOLE.byte(), A, {"pow": 63 * 2 * 8}),
    (lambda x: x.long() ** 5, A, {"pow": 63 * 2 * 3}),
    (lambda x: x.long() ** (2**63 - 1), A, {"pow": 63 * 2 * 63}),
    (lambda x: 3 ** x.int(), A, {"pow": 63 * 2 * 32}),
    (lambda x: x.clone().long().pow_(WHOLE), A, {"pow_": 63 * 2 * 64}),
    (lambda x: x ** 7.5, A, {"pow": 63}),
    (lambda x: x ** 2, A, {"pow": 63}),
    (lambda x: (x + 0j) ** x, A, {"pow": 63 * 4 * 4}),
    (lambda x: torch.fmod(x.double(), 0.3), A, {"fmod": 63 * (1024 + 1074)}),
    (lambda x: torch.remainder(x, B[0, 0]), A, {"remainder": 63 * (128 + 149)}),
    (lambda x: x.clone().fmod_(x.double()), A, {"fmod_": 63 * (1024 + 1074)}),
    (lambda x: x.half() // x.half(), A, {"floor_divide": 63 * (16 + 24)}),
    (lambda x: torch.div(x, 0.3, rounding_mode="floor"), A, {"div": 63 * (128 + 149)}),
    (lambda x: torch.div(x, 0.3, rounding_mode="trunc"), A, {"div": 63}),
    (lambda x: torch.remainder((9 * x).long(), 3), A, {"remainder": 63}),
    (torch.erfinv, A, {"erfinv": 16 * 63}),
    (lambda x: torch.searchsorted(x[0], x), A.sort(-1)[0], {"searchsorted": 63 * 4}),
]  # fmt: skip


@pytest.mark.parametrize(("computation", "x", "products"), CASES)
def test_an_operation_counts_as_it_does_on_paper(computation, x, products):
    by_name, _ = counted(lambda _, given: computation(given), x)
    found = {name.split(".")[1]: flops for name, flops in by_name.items()}
    assert {name: found[name] for name in products} == products


ELSEWHERE = {
    "mkldnn_rnn_layer": "below", "_cudnn_rnn": "needs a GPU", "_euclidean_dist": "many points",
    "_convolution": "as convolution", "grid_sampler_2d": "16 for each element, at most",
    "grid_sampler_3d": "the same",
}  # fmt: skip


def products_in(computation):
    """Multiply-adds of the matrix products that torch itself reports, those within kernels, too."""
    with profile(use_cpu=True, record_shapes=True) as profiler:
        computation()
    shapes = [
        e.input_shapes for e in profiler.function_events if e.name in {"aten::mm", "aten::bmm"}
    ]
    return sum(math.prod(left) * right[-1] for left, right, *_ in shapes)


ROW = torch.zeros(8, 8).index_fill(0, torch.tensor(0), 1.0)
EXTREMES = {
    "a row whose sum overflows": ROW[None] * 1e38,
    "one matrix that is no number": torch.stack([ROW * math.nan, ROW * 1e38]),
    "one infinite matrix": torch.stack([ROW * math.inf, ROW * 1e38, ROW * 0]),
    "columns whose sums overflow": torch.full((1, 8, 8), 1e38),
    "the largest of half precision": ROW[None].half() * 65504,
    "the largest number": torch.finfo(torch.float32).max * torch.eye(8)[None],
    "unlike norms": torch.eye(8) * torch.logspace(-3, 30, 4)[:, None, None],
    "zeros": torch.zeros(1, 8, 8),
}


@pytest.mark.parametrize("matrices", EXTREMES.values(), ids=EXTREMES)
def test_products_that_depend_on_values_are_counted_for_extreme_values(matrices):
    count = OPERATIONS["aten.linalg_matrix_exp.default"].flops({"self": matrices}, ())
    assert 2 * products_in(lambda: torch.linalg.matrix_exp(matrices)) <= count


def test_the_operations_whose_work_depends_on_values_are_tried_above():
    assert [op for op, rule in OPERATIONS.items() if rule.varies] == [
        "aten.linalg_matrix_exp.default"
    ]


def test_every_rule_but_those_of_single_elements_is_compared():
    told = {name for *_, products in CASES for name in products} | ELSEWHERE.keys()
    simple = {flops.elements, flops.nothing}
    tried = {rule.flops for op, rule in OPERATIONS.items() if op.split(".")[1] in told} | simple
    assert not {op for op, rule in OPERATIONS.items() if rule.flops not in tried}


HEADS = 2 * 2 * 5 * 16 * 64 + 2 * 2 * 2 * 5 * 5 * 16
"""Four projections of 16 features in 2 x 5 places, and attention among 5."""
FEED_FORWARD = 2 * 2 * 2 * 5 * 16 * 32


@pytest.mark.parametrize(
    ("layer", "x", "products"),
    [
        (nn.LSTM(12, 6, batch_first=True), rand(3, 12, 12), 2 * 3 * 12 * 24 * (12 + 6)),
        (nn.GRU(12, 6, batch_first=True), rand(3, 12, 12), 2 * 3 * 12 * 18 * (12 + 6)),
        (nn.MultiheadAttention(16, 4, batch_first=True), S, HEADS),
        (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), S, HEADS + FEED_FORWARD),
    ],
)
def test_a_layer_counts_its_products_and_little_else(layer, x, products):
    def applied(m, given):
        out = (
            m.layer(given, given, given)
            if isinstance(m.layer, nn.MultiheadAttention)
            else m.layer(given)
        )
        return out[0] if isinstance(out, tuple) else out

    _, found = counted(applied, x, layer=layer)
    assert products <= sum(found) < 1.6 * products


def test_a_product_written_as_a_loop_is_not_free():
    _, found = counted(lambda _, x: (x[:, :, None] * B[None]).sum(1), A)
    assert sum(found) == 2 * 7 * 9 * 3


def test_more_than_a_record_holds_is_the_most_that_it_holds():
    _, found = counted(lambda _, x: aten.avg_pool2d(x, [2**31 - 2], [1], [2**30 - 1]), IMAGES)
    assert sum(found) > 2**64
    assert per_input(found, 1) == 2**63 - 1


def test_views_are_free():
    _, found = counted(lambda _, x: x.t().reshape(9, 7)[2:].unsqueeze(0).expand(5, 7, 7), A.t())
    assert sum(found) == 0
