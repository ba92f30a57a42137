"""Networks that use every layer and function of a kind, for the tests of the list of operations."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from tests.support.honest import Net, Run, p

Builder = Callable[[], nn.Module]


def on_map(function, **parts):
    """A network that applies a function to a feature map, (n, 8, 5, 5)."""
    return Net(Run(lambda _, x: function(x), **parts))


def on_tokens(function, **parts):
    """A network that applies a function to tokens, (n, 25, 8)."""
    return Net(Run(lambda _, x: function(x), **parts), flat=True)


def with_parts(function, *, flat=False, **parts):
    """A network that applies a function of its parts and a feature map, or tokens."""
    return Net(Run(function, **parts), flat=flat)


def _every_activation(_, x):
    layers = (
        nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.1), nn.ELU(), nn.CELU(),
        nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.Softmax(1),
        nn.Hardsigmoid(), nn.Hardtanh(), nn.Softplus(), nn.Softsign(), nn.Tanhshrink(),
        nn.Hardshrink(), nn.Softshrink(), nn.LogSigmoid(), nn.Threshold(0.1, 0), nn.Tanh(),
        nn.Sigmoid(), nn.LogSoftmax(1), nn.Softmin(1), nn.RReLU(),
    )  # fmt: skip
    return sum(layer.eval()(x.clone()) for layer in layers)


def _every_activation_in_place(_, x):
    calls = (
        F.relu_, F.leaky_relu_, F.elu_, F.celu_, F.selu_, F.hardtanh_, torch.tanh_, torch.sigmoid_,
        lambda t: F.silu(t, inplace=True), lambda t: F.mish(t, inplace=True),
        lambda t: F.hardswish(t, inplace=True), lambda t: F.hardsigmoid(t, inplace=True),
        lambda t: F.threshold_(t, 0.1, 0.0), lambda t: F.relu6(t, inplace=True),
        lambda t: F.rrelu(t, inplace=True), lambda t: F.glu(t, 1),
        lambda t: t.abs_().add_(1).log_(), lambda t: t.clamp_(-1, 1).exp_().sqrt_().rsqrt_(),
        lambda t: t.mul_(2).div_(3).sub_(1).neg_().pow_(2).square_().reciprocal_().clamp_(max=9),
        lambda t: t.round_().floor_().ceil_().sign_(), lambda t: t.zero_().fill_(1.0),
        lambda t: t.copy_(t * 2), lambda t: t.masked_fill_(t > 0, 0.5), lambda t: t.clamp_min_(0),
        lambda t: t.sin_().cos_(), lambda t: t.addcmul_(t, t).addcdiv_(t, t + 9).lerp_(t, 0.5),
    )  # fmt: skip
    outs = [call(x.clone()) for call in calls]
    return sum(o.mean((1, 2, 3)).nan_to_num() for o in outs)[:, None]


def _every_arithmetic(_, x):
    y = x.flip(1)
    outs = [
        x + y, x - y, x * y, x / (y + 9), x // 2, x % 3, x**2, x.abs() ** 0.5, 2 ** x.clamp(-3, 3),
        1 - x, 1 / (x.abs() + 1), x + 1, x - 1, x * 2, x / 2, -x, +x, torch.rsub(x, y),
        torch.maximum(x, y), torch.minimum(x, y), torch.fmax(x, y), torch.fmin(x, y),
        torch.atan2(x, y), torch.hypot(x, y), torch.lerp(x, y, 0.3), torch.lerp(x, y, y.sigmoid()),
        torch.addcmul(x, x, y), torch.addcdiv(x, x, y.abs() + 1), torch.logaddexp(x, y),
        torch.logaddexp2(x, y), torch.copysign(x, y), torch.remainder(x, y.abs() + 1),
        torch.fmod(x, 2.0), torch.div(x, 2, rounding_mode="floor"), torch.floor_divide(x, 3),
        torch.div(x, y.abs() + 1, rounding_mode="trunc"), torch.true_divide(x, 2), torch.sgn(x),
        x.exp(), x.expm1(), x.abs().log1p(), (x.abs() + 1).log(), (x.abs() + 1).log2(),
        (x.abs() + 1).log10(), x.abs().sqrt(), (x.abs() + 1).rsqrt(), x.sin(), x.cos(), x.tan(),
        x.tanh(), x.sinh(), x.cosh(), x.atan(), x.asinh(), (x.abs() + 1).acosh(), x.exp2(),
        x.tanh().mul(0.9).asin(), x.tanh().mul(0.9).acos(), x.tanh().mul(0.9).atanh(), x.erf(),
        x.erfc(), x.tanh().mul(0.9).erfinv(), torch.lgamma(x.abs() + 1), torch.digamma(x.abs() + 1),
        x.sigmoid(), x.sigmoid().logit(), torch.special.expit(x), torch.sinc(x), torch.trunc(x),
        x.frac(), x.round(), x.floor(), x.ceil(), x.round(decimals=2), x.sign(), x.square(),
        (x + 20).reciprocal(), x.clamp(-1, 1), x.clamp(min=y), x.clamp_min(0), x.clamp_max(1),
        x.clip(0, 1), torch.where(x > 0, x, y), torch.where(x > 0, x, 0.0), x.masked_fill(x > 0, 1),
        torch.heaviside(x, y), torch.nan_to_num(x), torch.deg2rad(x), torch.rad2deg(x), x.positive(),
        torch.special.entr(x.abs() + 0.1), torch.special.i0(x), torch.special.i0e(x),
        torch.special.log_ndtr(x), torch.special.ndtr(x), torch.xlogy(x.abs(), y.abs() + 1),
        F.normalize(x, dim=1), F.cosine_similarity(x, y)[:, None].expand_as(x), F.logsigmoid(x),
        (x > y).float(), (x >= y).float(), (x < y).float(), (x <= y).float(), (x == y).float(),
        (x != y).float(), (x > 0).float(), (x == 0).float(), ((x > 0) & (y > 0)).float(),
        ((x > 0) | (y > 0)).float(), ((x > 0) ^ (y > 0)).float(), (~(x > 0)).float(),
        torch.logical_and(x > 0, y > 0).float(), torch.logical_not(x > 0).float(),
        torch.logical_or(x > 0, y > 0).float(), torch.isnan(x).float(), torch.isinf(x).float(),
        torch.isfinite(x).float(), torch.isclose(x, y).float(), x.bool().float(), x.half().float(),
        x.long().float(), (x.long() << 1).float(), (x.long() >> 1).float(), (x.long() & 3).float(),
        torch.bucketize(x, torch.linspace(-1, 1, 5)).float(), torch.polar(x, y).real,
        torch.complex(x, y).abs(), torch.complex(x, y).angle(), torch.complex(x, y).conj().imag,
    ]  # fmt: skip
    return sum(o.mean((1, 2, 3)) for o in outs)[:, None]


def _every_shape(_, x):
    y = x.flatten(2)
    outs = [
        x.view(len(x), -1), x.reshape(len(x), 8, 25), x.flatten(1), x.permute(0, 2, 3, 1),
        x.transpose(1, 2), x.movedim(1, -1), x.swapaxes(1, 2), x.unsqueeze(1).squeeze(1),
        x[..., None].squeeze(), x.expand(len(x), 8, 5, 5), x.repeat(1, 2, 1, 1), x.tile(1, 1, 2, 1),
        x.repeat_interleave(2, 1), x.narrow(1, 0, 3), x.select(1, 0), x[:, 0], x[:, 1:3], x[:, ::2],
        x[:, -1:], x[:, [0, 2]], x.index_select(1, torch.tensor([0, 1])), torch.cat([x, x], 1),
        torch.stack([x, x], 1), torch.concat([x, x], 2), torch.hstack([x, x]), torch.dstack([x, x]),
        torch.vstack([x.transpose(0, 1), x.transpose(0, 1)]).transpose(0, 1), x.flip(2), x.fliplr(),
        *x.split(4, 1), *x.split([3, 5], 1), *x.chunk(2, 1), *x.unbind(1), *x.tensor_split(3, 1),
        x.rot90(1, (2, 3)), x.roll(1, 2), x.roll((1, 2), (2, 3)), F.pad(x, (1, 1)),
        F.pad(x, (1, 1, 1, 1), mode="replicate"), F.pad(x, (1, 1, 1, 1), mode="circular"),
        F.pad(y, (1, 1), mode="reflect"), F.pad(x, (1, 1, 1, 1), mode="reflect"),
        F.pad(y, (1, 1), mode="replicate"), F.pad(x, (-1, -1)), F.pad(x, (1, 1), value=1.0),
        x.unfold(2, 3, 1), F.unfold(x, 3), F.fold(F.unfold(x, 3), (5, 5), 3), y.diagonal(0, 1, 2),
        x.tril(), x.triu(), torch.diag_embed(x.mean((2, 3))), x.contiguous(),
        x.contiguous(memory_format=torch.channels_last), x.clone(), x.detach(), x.unflatten(1, (2, 4)),
        F.pixel_shuffle(x, 2), F.pixel_unshuffle(x[..., :4, :4], 2), F.channel_shuffle(x, 2),
        torch.einsum("nchw->nc", x), x.mT, x.take_along_dim(x.argsort(1), 1), x.gather(1, x.argmax(1, True)),
        x.sort(1).values, x.sort(dim=1, stable=True)[0], x.topk(2, 1).values, x.cumsum(1), x.cumprod(1),
        x.diff(dim=1), torch.broadcast_to(x, (len(x), 8, 5, 5)), x.new_zeros(x.shape) + x,
        x.new_ones(len(x), 3), x.new_full((len(x), 3), 2.0), x.new_tensor([1.0]).expand(len(x), 1),
        torch.zeros_like(x), torch.ones_like(x), torch.full_like(x, 0.5), torch.empty_like(x).fill_(1),
        torch.zeros(len(x), 2), torch.ones(len(x), 2), torch.full((len(x), 2), 0.5),
        torch.eye(5).expand(len(x), 5, 5), torch.tril(torch.ones(5, 5)).expand(len(x), 5, 5),
        torch.arange(5.0).expand(len(x), 5), torch.linspace(0, 1, 5).expand(len(x), 5),
        torch.logspace(0, 1, 5).expand(len(x), 5), torch.tensor([1.0, 2.0]).expand(len(x), 2),
        torch.kron(torch.eye(2), x.mean(0).mean(0)).expand(len(x), -1, -1) * 0 + 1, x.mean(1), x.sum(1),
        torch.cross(x[:, :3], x[:, 3:6], 1), torch.tensordot(x, torch.ones(8, 2), ([1], [0])),
        x.index_add(1, torch.tensor([0, 1]), x[:, :2]), x.index_copy(1, torch.tensor([0, 1]), x[:, 2:4]),
        x.index_fill(1, torch.tensor([0]), 1.0), x.scatter(1, torch.zeros_like(x[:, :1]).long(), 1.0),
        x.scatter_add(1, torch.zeros_like(x).long(), x), x.masked_scatter(x > 9, x), x.sum(), x.mean(),
        x.scatter_reduce(1, torch.zeros_like(x).long(), x, "amax"), x.all(1).float(), x.any(1).float(),
        x.take(torch.arange(8)), torch.searchsorted(x.flatten(1).sort(1)[0], x.flatten(1)).float(), x.argmin(1).float(),
        x.count_nonzero(1).float(), x.sum((2, 3)), x.mean((2, 3), keepdim=True), x.select_scatter(x[:, 0], 1, 1),
        x.slice_scatter(x[:, :2], 1, 2, 4), x.std(), x.max(), x.min(), x.norm(), x.prod(), x.all().float(),
    ]  # fmt: skip
    return sum(
        o.reshape(len(x), -1).mean(1) if o.ndim and len(o) == len(x) else o.mean() * 0 for o in outs
    )[:, None]


def _written_in_place(_, x):
    y = x.clone()
    y[:, 0] = 1
    y[:, 1:3] = x[:, 2:4]
    y[:, [4, 5]] = x[:, [5, 4]]
    y[y > 1] = 0.5
    y[..., ::2, :] += 1
    y.index_add_(1, torch.tensor([0, 1]), x[:, :2]).scatter_(
        1, torch.zeros_like(x[:, :1]).long(), 1.0
    )
    y.index_copy_(1, torch.tensor([0]), x[:, :1]).index_fill_(1, torch.tensor([3]), 0.0)
    y.scatter_add_(1, torch.zeros_like(x).long(), x).masked_scatter_(x > 9, x)
    y.transpose_(2, 3).squeeze_().unsqueeze_(1).squeeze_(1)
    return y.index_put((torch.tensor([0]),), y[:1])


def _every_pooling(_, x):
    y, z = x.flatten(2), x[:, :, None].expand(-1, -1, 4, -1, -1)
    outs = [
        F.max_pool2d(x, 2), F.max_pool2d(x, 3, 1, 1, ceil_mode=True), F.avg_pool2d(x, 2),
        F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), F.adaptive_avg_pool2d(x, 1),
        F.adaptive_avg_pool2d(x, 2), F.adaptive_max_pool2d(x, 2), F.adaptive_avg_pool2d(x, (1, None)),
        F.lp_pool2d(x, 2, 2), F.max_pool1d(y, 2), F.avg_pool1d(y, 2), F.adaptive_avg_pool1d(y, 5),
        F.adaptive_max_pool1d(y, 5), F.max_pool3d(z, 2), F.avg_pool3d(z, 2), F.adaptive_avg_pool3d(z, 1),
        F.adaptive_avg_pool3d(z, 2), F.adaptive_max_pool3d(z, 2), F.max_pool2d(x, 2, return_indices=True)[0],
        F.max_unpool2d(*F.max_pool2d(x[..., :4, :4], 2, return_indices=True), 2),
        F.interpolate(x, scale_factor=2), F.interpolate(x, size=7, mode="bilinear"),
        F.interpolate(x, size=7, mode="bicubic", align_corners=True), F.interpolate(x, size=3, mode="area"),
        F.interpolate(x, size=7, mode="nearest-exact"), F.interpolate(y, size=7, mode="linear"),
        F.interpolate(y, size=7), F.interpolate(z, size=(3, 3, 3), mode="trilinear"), F.interpolate(z, scale_factor=2),
        F.interpolate(x, size=3, mode="bilinear", antialias=True), F.local_response_norm(x, 2),
        F.interpolate(x, size=3, mode="bicubic", antialias=True), F.dropout(x, training=False),
        F.interpolate(y, size=7, mode="nearest-exact"), F.interpolate(z, size=(3, 3, 3), mode="nearest-exact"),
    ]  # fmt: skip
    return sum(o.mean(list(range(1, o.ndim))) for o in outs)[:, None]


def _all(m, x):
    """Apply each layer to the form of the feature map that it takes, and add the means up."""
    forms = {1: x.flatten(2), 2: x, 3: x[:, :, None].expand(-1, -1, 4, -1, -1)}
    return sum(
        layer(forms[n]).flatten(1).mean(1) for n, layer in zip(m.forms, m.layers, strict=True)
    )[:, None]


def every(*layers_by_form):
    """A network of layers, each with the number of spatial dimensions that it takes."""
    forms, layers = zip(*layers_by_form, strict=True)
    network = with_parts(_all, layers=nn.ModuleList(layers))
    network.middle.forms = forms
    return network


def _every_convolution():
    return every(
        (2, nn.Conv2d(8, 8, 3, padding=1, groups=8)), (2, nn.Conv2d(8, 4, 3, padding="same")),
        (2, nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")), (1, nn.Conv1d(8, 4, 3)),
        (2, nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")), (3, nn.Conv3d(8, 4, 3, padding=1)),
        (1, nn.ConvTranspose1d(8, 4, 2)), (2, nn.ConvTranspose2d(8, 4, 3, 2, 1, 1)),
        (3, nn.ConvTranspose3d(8, 4, 2)), (2, nn.Conv2d(8, 4, 3, dilation=2, stride=2)),
        (2, nn.Conv2d(8, 8, (1, 5), padding=(0, 2), groups=2, bias=False)),
    )  # fmt: skip


def _every_norm():
    return every(
        (2, nn.BatchNorm2d(8)), (1, nn.BatchNorm1d(8)), (3, nn.BatchNorm3d(8)), (2, nn.GroupNorm(2, 8)),
        (2, nn.LayerNorm(5)), (2, nn.RMSNorm(5)), (2, nn.InstanceNorm2d(8)), (2, nn.LocalResponseNorm(2)),
        (1, nn.InstanceNorm1d(8, affine=True)), (2, nn.LayerNorm([8, 5, 5])),
        (2, nn.LayerNorm(5, elementwise_affine=False)), (2, nn.GroupNorm(8, 8, affine=False)),
        (2, nn.InstanceNorm2d(8, track_running_stats=True)),
    )  # fmt: skip


def _every_product(m, x):
    y = x.flatten(2)
    w = m.w
    outs = [
        y @ w, torch.matmul(x, w[:5, :5]), y.bmm(y.mT), torch.baddbmm(y.bmm(y.mT), y, y.mT),
        F.linear(y, w), F.linear(y, w, w[0]), torch.addmm(w[0], y[:, 0], w.t()), y[:, 0].mm(w),
        y @ w[0], torch.einsum("nct,td->ncd", y, w), torch.einsum("nct,ndt->ncd", y, y),
        torch.einsum("nct,nct->nc", y, y), F.bilinear(y[:, 0], y[:, 1], w[None]), torch.tensordot(y, w, 1),
        torch.cdist(y, y), torch.cdist(y, y, p=1.0), F.pairwise_distance(y[:, 0], y[:, 1])[:, None],
        torch.outer(y.mean((0, 1)), w[0]).expand(len(x), -1, -1), torch.inner(y, w[0]),
        torch.chain_matmul(w, w).expand(len(x), -1, -1), torch.linalg.multi_dot([w, w, w]).expand(len(x), -1, -1),
        torch.mv(w, w[0]).expand(len(x), -1), torch.dot(w[0], w[1]).expand(len(x), 1), torch.vdot(w[0], w[1]).expand(len(x), 1),
        torch.addmv(w[0], w, w[1]).expand(len(x), -1), torch.addr(w, w[0], w[1]).expand(len(x), -1, -1),
        torch.linalg.vecdot(y, y), torch.linalg.matrix_norm(y)[:, None], torch.linalg.norm(y, dim=-1),
        torch.matrix_power(w, 2).expand(len(x), -1, -1), torch.addbmm(w[:8, :8], y, y.mT).expand(len(x), -1, -1) * 0,
    ]  # fmt: skip
    return sum(o.reshape(len(x), -1).mean(1) for o in outs)[:, None]


def _every_decomposition(m, x):
    w = m.w
    square = w @ w.t() + 25 * torch.eye(25)
    outs = [
        torch.linalg.inv(square), torch.linalg.solve(square, w), torch.linalg.cholesky(square),
        torch.linalg.qr(w)[0], torch.linalg.svd(w)[1], torch.linalg.eigh(square)[0], torch.linalg.det(square / 25),
        torch.linalg.slogdet(square)[1], torch.linalg.matrix_exp(w / 9), torch.linalg.svdvals(w),
        torch.linalg.solve_triangular(w.tril() + torch.eye(25), w, upper=False), torch.linalg.householder_product(w, w[0]),
        torch.linalg.matrix_norm(w, 2), torch.inverse(square), torch.trace(w),
        torch.cholesky_solve(w, torch.linalg.cholesky(square)), torch.linalg.eigvalsh(square),
    ]  # fmt: skip
    return x.mean((1, 2, 3))[:, None] + sum(o.mean() for o in outs)


def _every_transform(_, x):
    y = x.flatten(2)
    outs = [
        torch.fft.fft(y).abs(), torch.fft.ifft(y).real, torch.fft.rfft(y).real, torch.fft.irfft(torch.fft.rfft(y)),
        torch.fft.fft2(x).real, torch.fft.ifft2(torch.fft.fft2(x)).real, torch.fft.rfft2(x, norm="ortho").imag,
        torch.fft.irfft2(torch.fft.rfft2(x), s=(5, 5)), torch.fft.fftn(x, dim=(1, 2, 3)).real, torch.fft.hfft(y),
        torch.fft.fftshift(x, (2, 3)), torch.fft.ihfft(y).real, torch.fft.fftfreq(5).expand(len(x), 5),
        torch.fft.irfftn(torch.fft.rfftn(x, dim=(2, 3)), dim=(2, 3)), torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real,
        torch.view_as_real(torch.fft.rfft2(x)), torch.stft(y.flatten(1), 16, return_complex=True, window=torch.ones(16)).abs(),
    ]  # fmt: skip
    return sum(o.reshape(len(x), -1).mean(1) for o in outs)[:, None]


def _recurrences(m, x):
    outs = [layer(x)[0].flatten(1).mean(1) for layer in m.layers]
    state, cell = torch.zeros(len(x), 6), torch.zeros(len(x), 6)
    for step in x.unbind(1)[:3]:
        state, cell = m.lstm(step, (state, cell))
        state = m.rnn(step, m.gru(step, state))
    return sum(outs)[:, None] + state.mean(1)[:, None] + cell.mean(1)[:, None]


def _every_recurrence():
    layers = (
        nn.RNN(8, 6, batch_first=True), nn.RNN(8, 6, nonlinearity="relu", batch_first=True),
        nn.LSTM(8, 6, 2, bidirectional=True, batch_first=True), nn.GRU(8, 6, 2, batch_first=True),
        nn.LSTM(8, 6, proj_size=3, batch_first=True), nn.LSTM(8, 6, bias=False, batch_first=True),
    )  # fmt: skip
    return with_parts(_recurrences, flat=True, layers=nn.ModuleList(layers), lstm=nn.LSTMCell(8, 6),
                      gru=nn.GRUCell(8, 6), rnn=nn.RNNCell(8, 6))  # fmt: skip


def _inference_mode(m, x):
    with torch.inference_mode():
        return F.dropout(m.norm(m.conv(x)), training=False).clone()


EVERY: dict[str, Builder] = {
    "every activation": lambda: with_parts(_every_activation),
    "every activation in place": lambda: with_parts(_every_activation_in_place),
    "every arithmetic": lambda: with_parts(_every_arithmetic),
    "every shape": lambda: with_parts(_every_shape),
    "written in place": lambda: with_parts(_written_in_place),
    "every pooling": lambda: with_parts(_every_pooling),
    "every convolution": _every_convolution,
    "every norm": _every_norm,
    "every product": lambda: with_parts(_every_product, w=p(25, 25)),
    "every decomposition": lambda: with_parts(_every_decomposition, w=p(25, 25)),
    "every transform": lambda: with_parts(_every_transform),
    "every recurrence": _every_recurrence,
    "inference mode": lambda: with_parts(
        _inference_mode, conv=nn.Conv2d(8, 8, 3), norm=nn.BatchNorm2d(8)
    ),
}
