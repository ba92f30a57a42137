"""Operations counted: products exactly, fused or not, and no loop for nothing."""

import pytest
import torch
from torch import nn

from harness.worker.flops import counted


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def rand(*shape):
    return torch.rand(shape)


X, A, B, Q = rand(2, 5, 16), rand(7, 9), rand(9, 3), rand(2, 4, 5, 8)
HEADS = 2 * 2 * 5 * 16 * 64 + 2 * 2 * 2 * 5 * 5 * 16
"""Four projections of 16 features in 2 x 5 places, and attention among 5."""
FEED_FORWARD = 2 * 2 * 2 * 5 * 16 * 32


@pytest.mark.parametrize(
    ("computation", "products"),
    [
        (lambda: A @ B, 2 * 7 * 9 * 3),
        (lambda: torch.ops.aten._addmm_activation(B[0], A, B), 2 * 7 * 9 * 3),
        (lambda: torch._int_mm(A.to(torch.int8), B.to(torch.int8)), 2 * 7 * 9 * 3),
        (lambda: nn.functional.scaled_dot_product_attention(Q, Q, Q), 2 * 2 * 2 * 4 * 5 * 5 * 8),
        (lambda: torch.cdist(A, B.t()), 3 * 7 * 3 * 9),
        (lambda: nn.LSTM(12, 6, batch_first=True)(rand(3, 12, 12)), 2 * 3 * 12 * 24 * (12 + 6)),
        (lambda: nn.MultiheadAttention(16, 4, batch_first=True).eval()(X, X, X), HEADS),
        (lambda: nn.TransformerEncoderLayer(16, 4, 32, 0.0, batch_first=True).train()(X),
         HEADS + FEED_FORWARD),
        (lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()(X),
         HEADS + FEED_FORWARD),
    ],
)  # fmt: skip
def test_products_count_as_they_do_on_paper_and_the_rest_by_its_elements(computation, products):
    found = counted(computation)
    assert products <= found < 2.2 * products  # weights are drawn here, too, one for each


def test_a_product_written_as_a_loop_is_not_free():
    assert counted(lambda: (A[:, :, None] * B[None]).sum(1)) == 2 * 7 * 9 * 3


def test_views_are_free():
    assert counted(lambda: A.t().reshape(9, 7)[2:].unsqueeze(0).expand(5, 7, 7)) == 0
