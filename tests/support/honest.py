"""Honest networks of every kind, small enough to count by hand."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    """A stem, what is being tried, a head."""

    def __init__(self, middle, *, flat=False):
        super().__init__()
        self.stem, self.middle, self.flat = nn.Conv2d(3, 8, 3, stride=2), middle, flat
        self.head = nn.LazyLinear(4)

    def forward(self, x):
        x = self.stem(x)
        x = x.flatten(2).transpose(1, 2) if self.flat else x
        return self.head(self.middle(x).flatten(1))


class Run(nn.Module):
    """A function as a module."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def p(*shape):
    return nn.Parameter(torch.randn(*shape) / 4)


HONEST = {
    "batch norm": Net(nn.BatchNorm2d(8)),
    "batch norm without affine": Net(nn.BatchNorm2d(8, affine=False)),
    "batch norm by cumulative average": Net(nn.BatchNorm2d(8, momentum=None)),
    "instance norm": Net(nn.InstanceNorm2d(8, affine=True)),
    "group norm": Net(nn.GroupNorm(2, 8)),
    "layer norm": Net(nn.LayerNorm([8, 5, 5])),
    "dropout": Net(nn.Sequential(nn.Dropout(0.5), nn.Dropout2d(0.1), nn.AlphaDropout(0.1))),
    "activations": Net(
        nn.Sequential(nn.PReLU(), nn.GELU(), nn.Mish(), nn.SELU(), nn.Hardswish(), nn.GLU(1))
    ),
    "transposed and dilated convolutions": Net(
        nn.Sequential(nn.ConvTranspose2d(8, 8, 2, stride=2), nn.Conv2d(8, 8, 3, dilation=2))
    ),
    "pixel shuffle and interpolation": Net(
        nn.Sequential(nn.PixelShuffle(2), nn.Upsample(scale_factor=1.5, mode="bilinear"))
    ),
    "fractional and adaptive pooling": Net(
        nn.Sequential(nn.LPPool2d(2, 2), nn.AdaptiveMaxPool2d(2))
    ),
    "LSTM": Net(Run(lambda m, x: m.rnn(x)[0], rnn=nn.LSTM(8, 6, 2, batch_first=True)), flat=True),
    "GRU both ways": Net(
        Run(lambda m, x: m.rnn(x)[0], rnn=nn.GRU(8, 6, bidirectional=True, batch_first=True)),
        flat=True,
    ),
    "attention": Net(
        Run(
            lambda m, x: m.attend(x, x, x)[0], attend=nn.MultiheadAttention(8, 2, batch_first=True)
        ),
        flat=True,
    ),
    "transformer": Net(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), flat=True),
    "scaled dot product": Net(Run(lambda _, x: F.scaled_dot_product_attention(x, x, x)), flat=True),
    "weight norm": Net(nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 1))),
    "spectral norm": Net(nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 8, 1))),
    "einsum": Net(Run(lambda m, x: torch.einsum("nchw,cd->ndhw", x, m.w), w=p(8, 8))),
    "a filter in the frequency domain": Net(
        Run(lambda m, x: torch.fft.irfft2(torch.fft.rfft2(x) * m.w, s=x.shape[-2:]), w=p(8, 5, 3))
    ),
    "unfold": Net(Run(lambda m, x: m.mix(F.unfold(x, 3)), mix=nn.Conv1d(72, 4, 1))),
    "kernels computed from the input's mean": Net(
        Run(
            lambda m, x: x * torch.sigmoid(m.gate(x.mean((2, 3))))[:, :, None, None],
            gate=nn.Linear(8, 8),
        )
    ),
    "a computed kernel": Net(Run(lambda m, x: F.conv2d(x, m.w.tanh(), padding=1), w=p(8, 8, 3, 3))),
    "tied weights": Net(Run(lambda m, x: m.a(m.a(x)), a=nn.Conv2d(8, 8, 1))),
    "checkpointing": Net(
        Run(lambda m, x: checkpoint(m.a, x, use_reentrant=False), a=nn.Conv2d(8, 8, 1))
    ),
    "in place": Net(Run(lambda m, x: F.relu_(x.clone().mul_(2).add_(m.b)), b=p(8, 1, 1))),
    "positions": Net(
        Run(lambda m, x: x + m.table(torch.arange(x.shape[1])), table=nn.Embedding(25, 8)),
        flat=True,
    ),
    "bfloat16 inside": Net(
        Run(lambda m, x: m.a(x.bfloat16()).float(), a=nn.Conv2d(8, 8, 1).bfloat16())
    ),
    "autocast": Net(Run(lambda m, x: autocast(m.a, x), a=nn.Conv2d(8, 8, 1))),
    "double precision inside": Net(
        Run(lambda m, x: m.a(x.double()).float(), a=nn.Conv2d(8, 8, 1, dtype=torch.float64))
    ),
    "an assertion on values": Net(Run(lambda _, x: x if x.isfinite().all() else x * 0)),
}


def autocast(layer, x):
    with torch.autocast("cpu", torch.bfloat16):
        return layer(x).float()
