"""Honest networks of many kinds, built when asked for: what the list of operations is tested with."""

import math

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from tests.support.honest import p
from tests.support.layers import EVERY, Builder, on_tokens, with_parts

SIZES = {"inception_v3": 80, "maxvit_t": 64, "swin_v2_t": 64, "alexnet": 64, "googlenet": 64}
"""Height and width that a torchvision model needs; 32 for all others."""
MODELS = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
    "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small",
    "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet50", "resnext50_32x4d",
    "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11_bn", "vit_b_16",
    "wide_resnet50_2",
)  # fmt: skip
_ARGUMENTS = {
    "vit_b_16": {"image_size": 32},
    "maxvit_t": {"input_size": (64, 64), "partition_size": 2},
    "inception_v3": {"init_weights": False, "aux_logits": False},
    "googlenet": {"init_weights": False},
}


def model(name: str) -> nn.Module:
    """Return one of torchvision's models with ten classes."""
    if name == "maxvit_t":
        return torchvision.models.maxvit.MaxVit(
            input_size=(64, 64), stem_channels=16, partition_size=2, block_channels=[16, 32],
            block_layers=[1, 1], head_dim=8, stochastic_depth_prob=0.1, num_classes=10,
        )  # fmt: skip
    return torchvision.models.get_model(name, num_classes=10, **_ARGUMENTS.get(name, {}))


def _squeezed_and_excited():
    return with_parts(
        lambda m, x: x * m.up(F.relu(m.down(x.mean((2, 3), keepdim=True)))).sigmoid(),
        down=nn.Conv2d(8, 2, 1), up=nn.Conv2d(2, 8, 1),
    )  # fmt: skip


def _grn(m, x):
    norm = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
    return m.g * (x * (norm / (norm.mean(1, keepdim=True) + 1e-6))) + m.b + x


def _rotary(m, x):
    places = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
    angles = places[:, None] * torch.exp(torch.arange(0, 4) * (-math.log(1e4) / 4))
    sin, cos = angles.sin(), angles.cos()
    a, b = x.chunk(2, -1)
    turned = torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
    return F.scaled_dot_product_attention(turned, turned, x)


def _rotary_by_complex_numbers(m, x):
    turns = torch.polar(torch.ones(25, 4), torch.outer(torch.arange(25.0), torch.full((4,), 0.3)))
    return torch.view_as_real(
        torch.view_as_complex(x.reshape(*x.shape[:-1], 4, 2).contiguous()) * turns
    ).flatten(2)


def _alibi(m, x):
    q, k, v = m.qkv(x).chunk(3, -1)
    places = torch.arange(x.shape[1])
    bias = -(places[None] - places[:, None]).abs().float() * 0.1
    mask = torch.ones_like(bias, dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias.masked_fill(~mask, float("-inf")))


def _attention_by_hand(m, x):
    n, t, c = x.shape
    q, k, v = m.qkv(x).reshape(n, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
    weights = (q @ k.transpose(-2, -1)) * (c // 2) ** -0.5
    weights = weights + m.table[m.index.view(-1)].view(t, t, 2).permute(2, 0, 1)
    return m.out((weights.softmax(-1) @ v).transpose(1, 2).reshape(n, t, c))


def _linear_attention(m, x):
    q, k = F.elu(x) + 1, F.elu(m.k(x)) + 1
    kv = torch.einsum("ntc,ntd->ncd", k, x)
    z = 1 / torch.einsum("ntc,nc->nt", q, k.sum(1)).clamp_min(1e-6)
    return torch.einsum("ntc,ncd,nt->ntd", q, kv, z)


def _shifted_windows(m, x):
    x = F.pad(x.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1))
    x = torch.roll(x, (-1, -1), (1, 2))
    n, h, w, c = x.shape
    windows = x.view(n, h // 3, 3, w // 3, 3, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 9, c)
    windows = F.layer_norm(windows, (c,))
    x = windows.view(n, h // 3, w // 3, 3, 3, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
    return torch.roll(x, (1, 1), (1, 2))[:, :5, :5].permute(0, 3, 1, 2).contiguous()


def _scan(m, x):
    state, states = torch.zeros_like(x[:, 0]), []
    decay = torch.sigmoid(m.decay)
    for step in x.unbind(1):
        state = torch.addcmul(step, state, decay)
        states.append(state)
    return torch.stack(states, 1)


def _scan_by_sums(m, x):
    logs = F.logsigmoid(m.gate(x)).cumsum(1)
    return torch.cumsum(x * torch.exp(-logs), 1) * torch.exp(logs) + torch.logcumsumexp(x, 1)


def _experts(m, x):
    best, which = m.router(x).topk(2, -1)
    everything = torch.stack([expert(x) for expert in m.experts], 2)
    chosen = torch.gather(everything, 2, which[..., None].expand(-1, -1, -1, x.shape[-1]))
    return (best.softmax(-1)[..., None] * chosen).sum(2)


def _routed(m, x):
    flat = x.reshape(-1, x.shape[-1])
    which = m.router(flat).argmax(-1)
    sparse = torch.zeros(len(flat), 3).scatter_(1, which[:, None], 1.0)
    out = torch.zeros_like(flat)
    for k, expert in enumerate(m.experts):
        out = out + expert(flat) * sparse[:, k : k + 1] + 0 * (which == k).unsqueeze(1).float()
    return out.view_as(x)


def _quantised(m, x):
    distance = torch.cdist(x, m.codes[None].expand(len(x), -1, -1))
    found = F.embedding(distance.argmin(-1), m.codes)
    return x + (found - x).detach() + F.one_hot(distance.argmin(-1), 6).float() @ m.codes


def _spatial_transformer(m, x):
    theta = (m.find(x.mean((2, 3))) * 0.1 + torch.tensor([1.0, 0, 0, 0, 1.0, 0])).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False),
                         align_corners=False)  # fmt: skip


def _positions_by_sines(m, x):
    places = torch.arange(25.0)[:, None]
    table = torch.zeros(25, 8)
    table[:, 0::2] = torch.sin(places * torch.exp(torch.arange(0, 8, 2) * -0.5))
    table[:, 1::2] = torch.cos(places * torch.exp(torch.arange(0, 8, 2) * -0.5))
    return x + table


def _coordinates(m, x):
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, 5), torch.linspace(-1, 1, 5), indexing="ij")
    both = torch.stack([ys, xs]).expand(len(x), -1, -1, -1)
    return torch.cat([x, both], 1)


def _haar(m, x):
    x = F.pad(x, (0, 1, 0, 1), mode="reflect")
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    return torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], 1) / 2


def _pairs(m, x):
    places = torch.triu_indices(8, 8, 1)
    gram = torch.bmm(x.flatten(2), x.flatten(2).mT) / 25
    return gram[:, places[0], places[1]].sign() * gram[:, places[0], places[1]].abs().sqrt()


def _means_and_spreads(m, x):
    var, mean = torch.var_mean(x, (2, 3))
    std, _ = torch.std_mean(x, (2, 3), unbiased=False)
    return torch.cat([mean, var, std, x.std((2, 3)), x.var((2, 3)), x.amax((2, 3)), x.amin((2, 3)),
                      x.flatten(2).median(-1).values, x.flatten(2).norm(dim=-1),
                      x.flatten(2).logsumexp(-1), x.flatten(2).max(-1)[0], x.flatten(2).min(-1)[0],
                      x.flatten(2).prod(-1).tanh(), x.flatten(2).quantile(0.5, -1),
                      torch.aminmax(x.flatten(2), dim=-1).max, x.flatten(2).kthvalue(3).values,
                      x.flatten(2).cummax(-1).values[..., -1], x.flatten(2).mode(-1).values], 1)  # fmt: skip


LAYERS: dict[str, Builder] = {
    "squeeze and excitation": _squeezed_and_excited,
    "global response norm": lambda: with_parts(_grn, g=p(1, 8, 1, 1), b=p(1, 8, 1, 1)),
    "layer scale and stochastic depth": lambda: with_parts(
        lambda m, x: x + torchvision.ops.stochastic_depth(m.f(x) * m.g, 0.1, "row", m.training),
        f=nn.Conv2d(8, 8, 3, padding=1, groups=8),
        g=p(8, 1, 1),
    ),
    "rotary positions": lambda: with_parts(_rotary, flat=True),
    "rotary positions by complex numbers": lambda: with_parts(
        _rotary_by_complex_numbers, flat=True
    ),
    "biased causal attention": lambda: with_parts(_alibi, flat=True, qkv=nn.Linear(8, 24)),
    "attention by hand": lambda: with_parts(
        _attention_by_hand,
        flat=True,
        qkv=nn.Linear(8, 24),
        out=nn.Linear(8, 8),
        table=p(81, 2),
        index=nn.Buffer(torch.arange(625).remainder(81).view(25, 25)),
    ),
    "linear attention": lambda: with_parts(_linear_attention, flat=True, k=nn.Linear(8, 8)),
    "encoder": lambda: on_tokens(
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True),
            2,
            enable_nested_tensor=False,
        ).eval()
    ),
    "decoder": lambda: with_parts(
        lambda m, x: m.d(x, x), flat=True, d=nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    ),
    "attention with masks": lambda: with_parts(
        lambda m, x: m.a(x, x, x, attn_mask=torch.ones(25, 25).triu(1).bool(), need_weights=False)[
            0
        ],
        flat=True,
        a=nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True),
    ),
    "shifted windows": lambda: with_parts(_shifted_windows),
    "scan": lambda: with_parts(_scan, flat=True, decay=p(8)),
    "scan by sums": lambda: with_parts(_scan_by_sums, flat=True, gate=nn.Linear(8, 8)),
    "experts": lambda: with_parts(
        _experts,
        flat=True,
        router=nn.Linear(8, 3),
        experts=nn.ModuleList(nn.Linear(8, 8) for _ in range(3)),
    ),
    "experts of single tokens": lambda: with_parts(
        _routed,
        flat=True,
        router=nn.Linear(8, 3),
        experts=nn.ModuleList(nn.Linear(8, 8) for _ in range(3)),
    ),
    "codebook": lambda: with_parts(_quantised, flat=True, codes=p(6, 8)),
    "spatial transformer": lambda: with_parts(_spatial_transformer, find=nn.Linear(8, 6)),
    "positions by sines": lambda: with_parts(_positions_by_sines, flat=True),
    "coordinates": lambda: with_parts(_coordinates),
    "wavelets": lambda: with_parts(_haar),
    "pairs of channels": lambda: with_parts(_pairs),
    "means and spreads": lambda: with_parts(_means_and_spreads),
    "fused encoder": lambda: on_tokens(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    ),
    "deformable": lambda: with_parts(
        lambda m, x: F.grid_sample(
            x, m.o(x).permute(0, 2, 3, 1).tanh(), padding_mode="border", align_corners=True
        ),
        o=nn.Conv2d(8, 2, 3, padding=1),
    ),
    "channels last and bfloat16": lambda: with_parts(
        lambda m, x: m.c(x.to(memory_format=torch.channels_last).to(torch.bfloat16)).float(),
        c=nn.Conv2d(8, 8, 3).bfloat16(),
    ),
    **EVERY,
}
