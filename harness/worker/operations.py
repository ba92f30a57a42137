"""Allowlist of replayed operations: those that layers use on a CPU and on a GPU.

Any other ATen operation is refused. Many trust their caller: they read beyond a tensor, reinterpret
the bits of numbers, or hold pointers. Each group states why its operations do not;
``tests/worker/test_operations.py`` tests it. An operation needs a rule for its FLOPs, and a check
where ATen validates too little.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.worker import bounds, flops
from harness.worker.bounds import Check
from harness.worker.flops import Flops


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Rule for the replay of an operation.

    Attributes:
        flops: Counts its floating-point operations.
        check: Refuses arguments that ATen does not validate.
        fills: Whether it returns uninitialised memory; the replay overwrites it with zeros.
        gives: Number of leading outputs that the graph may read; the others are scratch memory.
        dense: Whether a tensor with gaps or overlaps is copied first: its kernel ignores strides.
        varies: Whether its FLOPs depend on the values, although the output's shape does not.
    """

    flops: Flops
    check: Check | None = None
    fills: bool = False
    gives: int | None = None
    dense: bool = False
    varies: bool = False


@dataclass(frozen=True, kw_only=True)
class Group:
    """Operations that share one rule.

    Attributes:
        why: Why each reads only its tensors and returns only numbers computed from them.
        rule: Rule of each operation.
        names: Their names and overloads in ``aten``.
    """

    why: str
    rule: Rule
    names: str

    def __iter__(self) -> Iterator[str]:
        return (f"aten.{name}" for name in self.names.split())


_CHECKS_INDICES = (
    "ATen checks each index: an exception on a CPU, an assertion on a GPU, after which the process "
    "can compute nothing more."
)
_SIMPLE = (
    Group(
        why="ATen broadcasts shapes; each output element depends on the elements at its index.",
        rule=Rule(flops=flops.elements),
        names="""
        __lshift__.Scalar __lshift__.Tensor __rshift__.Scalar __rshift__.Tensor
        _conj_physical.default _prelu_kernel.default _to_copy.default abs.default abs_.default
        acos.default acos_.default acosh.default acosh_.default add.Scalar add.Tensor add_.Scalar
        add_.Tensor angle.default asin.default asin_.default asinh.default asinh_.default
        atan.default atan2.default atan2_.default atan_.default atanh.default atanh_.default
        bitwise_and.Scalar bitwise_and.Scalar_Tensor bitwise_and.Tensor bitwise_and_.Scalar
        bitwise_and_.Tensor bitwise_left_shift.Tensor bitwise_left_shift.Tensor_Scalar
        bitwise_left_shift_.Tensor bitwise_left_shift_.Tensor_Scalar bitwise_not.default
        bitwise_not_.default bitwise_or.Scalar bitwise_or.Scalar_Tensor bitwise_or.Tensor
        bitwise_or_.Scalar bitwise_or_.Tensor bitwise_right_shift.Tensor
        bitwise_right_shift.Tensor_Scalar bitwise_right_shift_.Tensor
        bitwise_right_shift_.Tensor_Scalar bitwise_xor.Scalar bitwise_xor.Scalar_Tensor
        bitwise_xor.Tensor bitwise_xor_.Scalar bitwise_xor_.Tensor ceil.default ceil_.default
        celu.default celu_.default clamp.Tensor clamp.default clamp_.Tensor clamp_.default
        clamp_max.Tensor clamp_max.default clamp_max_.Tensor clamp_max_.default clamp_min.Tensor
        clamp_min.default clamp_min_.Tensor clamp_min_.default clone.default complex.default
        conj_physical_.default copy_.default copysign.Scalar copysign.Tensor copysign_.Scalar
        copysign_.Tensor cos.default cos_.default cosh.default cosh_.default deg2rad.default
        deg2rad_.default div.Scalar div.Tensor div_.Scalar div_.Tensor elu.default elu_.default
        eq.Scalar eq.Tensor eq_.Scalar eq_.Tensor erf.default erf_.default erfc.default
        erfc_.default exp.default exp2.default exp2_.default exp_.default expm1.default
        expm1_.default fill_.Scalar fill_.Tensor floor.default floor_.default fmax.default
        fmin.default frac.default frac_.default ge.Scalar ge.Tensor ge_.Scalar ge_.Tensor
        gelu.default gelu_.default gt.Scalar gt.Tensor gt_.Scalar gt_.Tensor hardshrink.default
        hardsigmoid.default hardsigmoid_.default hardswish.default hardswish_.default
        hardtanh.default hardtanh_.default heaviside.default heaviside_.default hypot.default
        hypot_.default isinf.default isnan.default isneginf.default isposinf.default le.Scalar
        le.Tensor le_.Scalar le_.Tensor leaky_relu.default leaky_relu_.default lerp.Scalar
        lerp.Tensor lerp_.Scalar lerp_.Tensor lgamma.default lgamma_.default log.default
        log10.default log10_.default log1p.default log1p_.default log2.default log2_.default
        log_.default logaddexp.default logaddexp2.default logical_and.default logical_and_.default
        logical_not.default logical_not_.default logical_or.default logical_or_.default
        logical_xor.default logical_xor_.default lt.Scalar lt.Tensor lt_.Scalar lt_.Tensor
        masked_fill.Scalar masked_fill.Tensor masked_fill_.Scalar masked_fill_.Tensor
        maximum.default minimum.default mish.default mish_.default mul.Scalar mul.Tensor mul_.Scalar
        mul_.Tensor nan_to_num.default nan_to_num_.default ne.Scalar ne.Tensor ne_.Scalar ne_.Tensor
        neg.default neg_.default rad2deg.default rad2deg_.default reciprocal.default
        reciprocal_.default relu.default relu_.default round.decimals round.default round_.decimals
        round_.default rrelu_with_noise.default rrelu_with_noise_.default rsqrt.default
        rsqrt_.default rsub.Scalar rsub.Tensor sgn.default sgn_.default sigmoid.default
        sigmoid_.default sign.default sign_.default signbit.default silu.default silu_.default
        sin.default sin_.default sinh.default sinh_.default softplus.default softshrink.default
        special_entr.default special_erfcx.default special_xlog1py.default sqrt.default
        sqrt_.default sub.Scalar sub.Tensor sub_.Scalar sub_.Tensor tan.default tan_.default
        tanh.default tanh_.default threshold.default threshold_.default trunc.default trunc_.default
        where.self xlogy.Scalar_Other xlogy.Scalar_Self xlogy.Tensor xlogy_.Scalar_Other
        xlogy_.Tensor zero_.default
        """,
    ),
    Group(
        why="ATen checks sizes and dimensions; a view stays within its tensor.",
        rule=Rule(flops=flops.nothing),
        names="""
        _conj.default _neg_view.default alias.default detach.default detach_.default
        diagonal.default expand.default lift_fresh.default permute.default select.int slice.Tensor
        split.Tensor split_with_sizes.default squeeze.default squeeze.dim squeeze.dims
        squeeze_.default squeeze_.dim squeeze_.dims t.default t_.default transpose.int
        transpose_.default unbind.int unfold.default unsqueeze.default unsqueeze_.default
        view.default view_as_complex.default view_as_real.default
        """,
    ),
    Group(
        why="ATen checks sizes and dimensions, and copies elements of its tensors or zeros.",
        rule=Rule(flops=flops.elements),
        names="""
        _reshape_copy.default _unsafe_view.default cat.default channel_shuffle.default
        col2im.default constant_pad_nd.default diag_embed.default diagonal_scatter.default
        flip.default im2col.default pixel_shuffle.default pixel_unshuffle.default
        reflection_pad1d.default reflection_pad2d.default reflection_pad3d.default repeat.default
        replication_pad1d.default replication_pad2d.default replication_pad3d.default roll.default
        rot90.default select_scatter.default slice_scatter.default stack.default tril.default
        tril_.default triu.default triu_.default unsafe_split.Tensor unsafe_split_with_sizes.default
        """,
    ),
    Group(
        why="It writes each element of a new tensor, by its index.",
        rule=Rule(flops=flops.elements),
        names="""
        arange.default arange.start arange.start_step eye.default eye.m fft_fftfreq.default
        fft_rfftfreq.default full.default full_like.default hamming_window.default
        hann_window.default linspace.default logspace.default new_full.default new_ones.default
        new_zeros.default ones.default ones_like.default scalar_tensor.default tril_indices.default
        triu_indices.default zeros.default zeros_like.default
        """,
    ),
    Group(
        why="The check keeps the view within the elements of its tensor.",
        rule=Rule(flops=flops.nothing, check=bounds.own_elements),
        names="as_strided.default as_strided_.default",
    ),
    Group(
        why="The memory is overwritten with zeros.",
        rule=Rule(flops=flops.allocated, fills=True),
        names="""
        empty.memory_format empty_like.default empty_permuted.default empty_strided.default
        new_empty.default new_empty_strided.default
        """,
    ),
    Group(
        why="ATen checks dimensions; each output is computed from the elements along them.",
        rule=Rule(flops=flops.elements),
        names="""
        _log_softmax.default _safe_softmax.default _softmax.default all.default all.dim all.dims
        amax.default amin.default aminmax.default any.default any.dim any.dims argmax.default
        argmin.default count_nonzero.default count_nonzero.dim_IntList cummax.default cummin.default
        cumprod.default cumprod_.default cumsum.default cumsum_.default glu.default
        linalg_vector_norm.default logcumsumexp.default logsumexp.default max.default max.dim
        mean.default mean.dim min.default min.dim nansum.default norm.Scalar norm.ScalarOpt_dim
        norm.ScalarOpt_dim_dtype prod.default prod.dim_int std.correction std_mean.correction
        sum.default sum.dim_IntList trace.default var.correction var_mean.correction
        """,
    ),
    Group(
        why="ATen checks the dimension and k.",
        rule=Rule(flops=flops.ordered),
        names="median.default mode.default nanmedian.default sort.default sort.stable topk.default",
    ),
    Group(
        why=_CHECKS_INDICES,
        rule=Rule(flops=flops.elements),
        names="""
        embedding.default gather.default index.Tensor index_add.default index_add_.default
        index_copy.default index_copy_.default index_select.default masked_scatter.default
        masked_scatter_.default max_unpool2d.default nonzero.default scatter.reduce scatter.src
        scatter.value scatter.value_reduce scatter_.reduce scatter_.src scatter_.value
        scatter_.value_reduce scatter_add.default scatter_add_.default scatter_reduce.two
        scatter_reduce_.two take.default
        """,
    ),
)


def _each(why: str, rules: dict[str, Rule]) -> tuple[Group, ...]:
    return tuple(Group(why=why, rule=rule, names=names) for names, rule in rules.items())


def _dense(why: str, rules: dict[str, Rule]) -> tuple[Group, ...]:
    return _each(why, {names: replace(rule, dense=True) for names, rule in rules.items()})


_PRODUCTS = _each(
    "ATen checks that the shapes fit.",
    {
        "mm.default mv.default bmm.default": Rule(flops=flops.inner("self")),
        "addmm.default addmm_.default _addmm_activation.default": Rule(flops=flops.inner("mat1")),
        "baddbmm.default baddbmm_.default": Rule(flops=flops.inner("batch1")),
        "addbmm.default addbmm_.default": Rule(flops=flops.summed_batches),
        "addmv.default addmv_.default": Rule(flops=flops.inner("mat")),
        "dot.default vdot.default": Rule(flops=flops.inner("self")),
        "addr.default": Rule(flops=flops.outer),
        "convolution.default _convolution.default": Rule(flops=flops.convolved, dense=True),
    },
)
_DECOMPOSITIONS = _dense(
    "ATen checks that matrices are square or fit; LAPACK gets their sizes from it.",
    {
        "linalg_cholesky_ex.default": Rule(flops=flops.decomposed(1 / 3, "self"), gives=1),
        "linalg_inv_ex.default": Rule(flops=flops.decomposed(2), gives=1),
        "_linalg_det.default": Rule(flops=flops.decomposed(2 / 3), gives=1),
        "_linalg_slogdet.default": Rule(flops=flops.decomposed(2 / 3), gives=2),
        "_linalg_solve_ex.default": Rule(flops=flops.solved(2 / 3, "A"), gives=1),
        "linalg_solve_triangular.default": Rule(flops=flops.solved(0, "self")),
        "cholesky_solve.default": Rule(flops=flops.solved(0, "input2")),
        "linalg_qr.default": Rule(flops=flops.decomposed(4)),
        "linalg_householder_product.default": Rule(flops=flops.decomposed(4, "input")),
        "_linalg_svd.default": Rule(flops=flops.decomposed(22)),
        "_linalg_eigh.default": Rule(flops=flops.decomposed(9)),
        "linalg_matrix_exp.default": Rule(flops=flops.exponentiated, varies=True),
    },
)
_POOLS = _dense(
    "ATen checks kernel, stride, padding and size; windows are cut at the edge.",
    {
        "avg_pool2d.default max_pool2d_with_indices.default": Rule(flops=flops.pooled(2)),
        "avg_pool3d.default max_pool3d_with_indices.default": Rule(flops=flops.pooled(3)),
        "_adaptive_avg_pool2d.default _adaptive_avg_pool3d.default adaptive_max_pool2d.default"
        " adaptive_max_pool3d.default": Rule(flops=flops.pooled_to_size),
    },
)
_CHECKED = _dense(
    "ATen relies on the calling layer for validation; the check replaces it.",
    {
        "native_batch_norm.default cudnn_batch_norm.default": Rule(
            flops=flops.elements, check=bounds.batch_norm, gives=1
        ),
        "native_group_norm.default": Rule(flops=flops.elements, check=bounds.group_norm, gives=1),
        "native_layer_norm.default": Rule(flops=flops.elements, check=bounds.layer_norm, gives=1),
        "_weight_norm_interface.default": Rule(
            flops=flops.elements, check=bounds.weight_norm, gives=1
        ),
        "_scaled_dot_product_flash_attention_for_cpu.default"
        " _scaled_dot_product_flash_attention.default"
        " _scaled_dot_product_efficient_attention.default"
        " _scaled_dot_product_cudnn_attention.default": Rule(
            flops=flops.attended, check=bounds.attention, gives=1
        ),
        "mkldnn_rnn_layer.default": Rule(
            flops=flops.recurrent, check=bounds.recurrent_layer, gives=3
        ),
        "_cudnn_rnn.default": Rule(
            flops=flops.recurrent_layers, check=bounds.recurrent_layers, gives=3
        ),
        "_thnn_fused_lstm_cell.default _thnn_fused_gru_cell.default": Rule(
            flops=flops.elements, check=bounds.recurrent_cell, gives=2
        ),
        "log_sigmoid_forward.default": Rule(flops=flops.elements, gives=1),
        "_cdist_forward.default _euclidean_dist.default": Rule(
            flops=flops.measured_apart, check=bounds.distances
        ),
        "_trilinear.default": Rule(flops=flops.trilinear, check=bounds.trilinear),
        "_fft_c2c.default _fft_c2r.default _fft_r2c.default": Rule(
            flops=flops.transformed, check=bounds.fourier
        ),
        "upsample_nearest1d.default upsample_nearest2d.default upsample_nearest3d.default"
        " _upsample_nearest_exact1d.default _upsample_nearest_exact2d.default"
        " _upsample_nearest_exact3d.default": Rule(flops=flops.elements, check=bounds.upsampling),
        "upsample_linear1d.default upsample_bilinear2d.default upsample_trilinear3d.default": Rule(
            flops=flops.resampled(2), check=bounds.upsampling
        ),
        "upsample_bicubic2d.default": Rule(flops=flops.resampled(4), check=bounds.upsampling),
        "_upsample_bilinear2d_aa.default": Rule(
            flops=flops.resampled_smoothly(2), check=bounds.upsampling
        ),
        "_upsample_bicubic2d_aa.default": Rule(
            flops=flops.resampled_smoothly(4), check=bounds.upsampling
        ),
        "grid_sampler_2d.default grid_sampler_3d.default": Rule(
            flops=flops.each(16), check=bounds.grid
        ),
        "affine_grid_generator.default": Rule(flops=flops.affine, check=bounds.affine),
        "bucketize.Tensor searchsorted.Tensor": Rule(flops=flops.searched, check=bounds.search),
    },
)
_LOOPS = _each(
    "ATen broadcasts shapes; a loop or series for an element reads no other.",
    {
        "pow.Scalar pow.Tensor_Scalar pow.Tensor_Tensor pow_.Scalar pow_.Tensor": Rule(
            flops=flops.powers
        ),
        "floor_divide.Scalar floor_divide.default floor_divide_.Scalar fmod.Scalar fmod.Tensor"
        " fmod_.Scalar fmod_.Tensor remainder.Scalar remainder.Scalar_Tensor remainder.Tensor"
        " remainder_.Scalar remainder_.Tensor": Rule(flops=flops.divided),
        "div.Scalar_mode div.Tensor_mode div_.Scalar_mode div_.Tensor_mode": Rule(
            flops=flops.divided, check=bounds.quotient
        ),
        "digamma.default digamma_.default erfinv.default erfinv_.default i0.default i0_.default"
        " logit.default logit_.default polar.default sinc.default sinc_.default"
        " special_i0e.default special_i1.default special_i1e.default special_log_ndtr.default"
        " special_ndtri.default": Rule(flops=flops.each(16)),
    },
)
_FEW_ELEMENTS = _each(
    "ATen broadcasts shapes or compares all with all; it checks dimensions, and k of a selection.",
    {
        "addcdiv.default addcdiv_.default addcmul.default addcmul_.default": Rule(
            flops=flops.each(2)
        ),
        "mse_loss.default smooth_l1_loss.default huber_loss.default": Rule(
            flops=flops.paired("self", "target")
        ),
        "linalg_cross.default": Rule(flops=flops.each(3)),
        "kthvalue.default": Rule(flops=flops.selected),
        "isin.Tensor_Tensor": Rule(flops=flops.looked_up),
    },
)
_INDEXED = _each(
    _CHECKS_INDICES,
    {
        "masked_select.default": Rule(flops=flops.paired("self", "mask")),
        "index_fill.int_Scalar index_fill.int_Tensor index_fill_.int_Scalar"
        " index_fill_.int_Tensor": Rule(flops=flops.filled),
        "index_put.default index_put_.default": Rule(flops=flops.put),
    },
)
_MEDIANS = _dense(
    "ATen checks the dimension. It would read past the elements of an expanded dimension.",
    {"median.dim nanmedian.dim": Rule(flops=flops.ordered)},
)
GROUPS = (
    *(*_SIMPLE, *_LOOPS, *_FEW_ELEMENTS, *_INDEXED, *_MEDIANS),
    *(*_PRODUCTS, *_DECOMPOSITIONS, *_POOLS, *_CHECKED),
)
OPERATIONS = {name: group.rule for group in GROUPS for name in group}
"""Rule of each replayed operation, by name: ``aten.NAME.OVERLOAD``."""
EXCHANGED = frozenset({"aten.native_batch_norm.default", "aten.cudnn_batch_norm.default"})
"""Normalisations whose running statistics are not counted when they run in evaluation mode."""
