"""ExquisiteNetV2 (Zhou and Su 2022) at a quarter of its width, the first stage at 4 channels."""

import torch
from torch import nn
from torch.nn import functional as F


# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    """SGD with momentum; weight decay on convolution and linear weights only."""
    decayed = [m.weight for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    chosen = {id(p) for p in decayed}
    others = [p for p in model.parameters() if id(p) not in chosen]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=nesterov)


# segment: SE
class SE(nn.Module):
    """Squeeze and excitation: scale each channel by a gate computed from all channel means."""

    def __init__(self, c, ratio):
        super().__init__()
        self.squeeze = nn.Linear(c, int(c / ratio), bias=False)
        self.excite = nn.Linear(int(c / ratio), c, bias=False)

    def forward(self, x):
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean(dim=(2, 3))))))
        return x * gate[:, :, None, None]


# segment: SE_LN
class SE_LN(nn.Module):
    """Scale each channel by the sigmoid of the layer-normalised channel means."""

    def __init__(self, c):
        super().__init__()
        self.norm = nn.LayerNorm(c)

    def forward(self, x):
        gate = torch.sigmoid(self.norm(x.mean(dim=(2, 3))))
        return x * gate[:, :, None, None]


# segment: DFSEBV2
class DFSEBV2(nn.Module):
    """Two depthwise-separable halves, each added to the block's input; channels stay."""

    def __init__(self, c, k, is_LN):
        super().__init__()
        self.pw1 = nn.Conv2d(c, c, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.act1 = nn.SiLU()
        self.dw1 = nn.Conv2d(c, c, k, padding=k // 2, groups=c)
        self.se = SE_LN(c) if is_LN else SE(c, 3)
        self.pw2 = nn.Conv2d(c, c, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c)
        self.act2 = nn.Hardswish()
        self.dw2 = nn.Conv2d(c, c, k, padding=k // 2, groups=c)

    def forward(self, x):
        y = x
        x = self.se(self.dw1(self.act1(self.bn1(self.pw1(x))))) + y
        return self.dw2(self.act2(self.bn2(self.pw2(x)))) + y


# segment: FCT
class FCT(nn.Module):
    """Halve the image: maxima, minima and a learned depthwise filter, mixed into cout channels."""

    def __init__(self, cin, cout):
        super().__init__()
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.dw = nn.Conv2d(cin, cin, 4, stride=2, padding=1, groups=cin, bias=False)
        self.pw = nn.Conv2d(3 * cin, cout, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        x = torch.cat([self.pool(x), -self.pool(-x), self.dw(x)], dim=1)
        return self.bn(self.pw(x))


# segment: EVE
class EVE(nn.Module):
    """Halve the image: maxima and minima, mixed into cout channels."""

    def __init__(self, cin, cout):
        super().__init__()
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.pw = nn.Conv2d(2 * cin, cout, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        x = torch.cat([self.pool(x), -self.pool(-x)], dim=1)
        return self.bn(self.pw(x))


# segment: ME
class ME(nn.Module):
    """Halve the image: maxima, mixed into cout channels."""

    def __init__(self, cin, cout):
        super().__init__()
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.pw = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return self.bn(self.pw(self.pool(x)))


# segment: DW
class DW(nn.Module):
    """Depthwise convolution with an activation; channels and size stay."""

    def __init__(self, c, k):
        super().__init__()
        self.dw = nn.Conv2d(c, c, k, padding=k // 2, groups=c)
        self.act = nn.Hardswish()

    def forward(self, x):
        return self.act(self.dw(x))


# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    """Five halvings, each followed by a block at constant width, then a linear classifier."""

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.features = nn.Sequential(
            FCT(img_channels, 4),
            DFSEBV2(4, 3, True),
            EVE(4, 12),
            DFSEBV2(12, 3, True),
            ME(12, 24),
            DFSEBV2(24, 3, True),
            ME(24, 48),
            DFSEBV2(48, 3, True),
            ME(48, 96),
            DFSEBV2(96, 3, True),
            DW(96, 3),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(96, class_num)

    def forward(self, x):
        x = self.pool(self.features(x)).flatten(1)
        return self.linear(self.dropout(x))
