"""A network designed for this project from general practice; no paper describes it.

Four halvings, the later three by averages and contrasts. Every block looks at two scales: half of
its channels at their neighbours, the other half at a coarse version of the map.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    """SGD with momentum; vectors, such as biases and scales, are not decayed."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=nesterov)


# segment: Entry
class Entry(nn.Module):
    """Halve the image by a full convolution into the first channels."""

    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


# segment: Contrast
class Contrast(nn.Module):
    """Halve the map: averages and how far maxima lie above them, mixed into cout channels."""

    def __init__(self, cin, cout):
        super().__init__()
        self.mix = nn.Conv2d(2 * cin, cout, 1, bias=False)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x):
        mean = F.avg_pool2d(x, 2, ceil_mode=True)
        peak = F.max_pool2d(x, 2, ceil_mode=True)
        return self.norm(self.mix(torch.cat([mean, peak - mean], dim=1)))


# segment: Near
class Near(nn.Module):
    """A convolution over each position's neighbours, in groups of 8 channels where that divides."""

    def __init__(self, c, k):
        super().__init__()
        self.conv = nn.Conv2d(c, c, k, padding=k // 2, groups=c // math.gcd(c, 8), bias=False)

    def forward(self, x):
        return self.conv(x)


# segment: Far
class Far(nn.Module):
    """A depthwise convolution of a map at a quarter of the resolution, enlarged again."""

    def __init__(self, c, k):
        super().__init__()
        self.conv = nn.Conv2d(c, c, k, padding=k // 2, groups=c, bias=False)

    def forward(self, x):
        coarse = self.conv(F.avg_pool2d(x, 4, ceil_mode=True))
        return F.interpolate(coarse, size=x.shape[2:], mode="nearest")


# segment: TwoScales
class TwoScales(nn.Module):
    """Add to the input what its near and far halves give, mixed across channels."""

    def __init__(self, c, k, widening):
        super().__init__()
        self.near, self.far = Near(c // 2, k), Far(c - c // 2, k)
        self.norm = nn.BatchNorm2d(c)
        self.widen = nn.Conv2d(c, widening * c, 1, bias=False)
        self.inner = nn.BatchNorm2d(widening * c)
        self.narrow = nn.Conv2d(widening * c, c, 1, bias=False)
        self.outer = nn.BatchNorm2d(c)

    def forward(self, x):
        near, far = x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]
        y = self.norm(torch.cat([self.near(near), self.far(far)], dim=1))
        return x + self.outer(self.narrow(F.gelu(self.inner(self.widen(y)))))


# segment: Summary
class Summary(nn.Module):
    """Logits from the mean and the spread of each channel."""

    def __init__(self, c, class_num):
        super().__init__()
        self.norm = nn.LayerNorm(2 * c)
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(2 * c, class_num)

    def forward(self, x):
        mean = x.mean(dim=(2, 3))
        spread = (x - mean[:, :, None, None]).abs().mean(dim=(2, 3))
        return self.linear(self.dropout(self.norm(torch.cat([mean, spread], dim=1))))


# segment: TwoScaleNet
class TwoScaleNet(nn.Module):
    """An entry, three further halvings, each followed by blocks at constant width, a summary."""

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.body = nn.Sequential(
            Entry(img_channels, 32),
            Contrast(32, 64),
            TwoScales(64, 3, 2),
            Contrast(64, 128),
            TwoScales(128, 3, 2),
            Contrast(128, 192),
            TwoScales(192, 3, 2),
            TwoScales(192, 3, 2),
        )
        self.summary = Summary(192, class_num)

    def forward(self, x):
        return self.summary(self.body(x))
