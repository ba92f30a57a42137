"""Which of torch's private operations are replayed."""

import re

import torch

from harness.worker.interpreter import _NAME, _REFUSED, _is_allowed

LISTED = re.compile(
    r"aten\._(?:_\w+__|to_copy|unsafe_view|reshape_copy|stack|chunk_cat|cast_\w+|conj\w*|neg_view\w*"
    r"|(?:\w+_)?softmax|native_batch_norm_legit\w*|batch_norm_\w+|fused_rms_norm|weight_norm\w*"
    r"|scaled_dot_product_\w+|(?:efficient|flash|cudnn)_attention_forward|native_multi_head_attention"
    r"|transform\w+_(?:qkv|fwd)|convolution\w*|slow_conv2d_forward|adaptive_avg_pool\dd|pad_circular"
    r"|upsample_\w+|embedding_bag\w*|thnn_fused_\w+_cell|cudnn_rnn|pack_padded_sequence|prelu_kernel"
    r"|addmm_activation|trilinear|[cp]dist_forward|euclidean_dist|(?:int|scaled|grouped)_mm"
    r"|fake_quantize_\w+|fused_moving_avg_\w+|foreach_\w+|logcumsumexp|aminmax|unique2?"
    r"|unsafe_index(?:_put)?|fft_\w+|linalg_\w+|lu_with_info|cholesky_solve_helper"
    r"|compute_linear_combination|is_a\w+_true|assert_\w+|lazy_clone)\.\w+",
    re.ASCII,
)
"""The operations of version 0.1.0, with which archives were recorded."""


def operations():
    """Yield the name and the overload of every operation that torch registers in aten."""
    for name in torch._C._dispatch_get_all_op_names():
        namespace, _, rest = name.partition("::")
        if namespace == "aten":
            operation, _, overload = rest.partition(".")
            yield operation, overload or "default"


def test_private_operations_are_those_of_earlier_versions():
    private = [(name, overload) for name, overload in operations() if name.startswith("_")]
    assert len(private) > 400
    for name, overload in private:
        assert _is_allowed(name) == bool(LISTED.fullmatch(f"aten.{name}.{overload}")), name


def test_operations_that_trust_their_caller_are_not_replayed():
    for name in ("_reshape_alias", "_copy_from", "_resize_output_", "_unsafe_masked_index_x"):
        assert not _is_allowed(name)
    assert _is_allowed("relu")


def test_no_operation_on_files_or_storages_passes():
    passing = {
        name
        for name, overload in operations()
        if _NAME.fullmatch(full := f"aten.{name}.{overload}")
        and not _REFUSED.search(full)
        and _is_allowed(name)
    }
    assert not {"from_file", "set_", "set_data", "resize_", "save"} & passing
    assert {"add", "conv2d", "_softmax"} <= passing
