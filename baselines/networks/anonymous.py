import torch
from torch import nn
from torch.nn import functional as F


# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    decayed = [m.weight for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    chosen = {id(p) for p in decayed}
    others = [p for p in model.parameters() if id(p) not in chosen]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=nesterov)


# segment: GateA
class GateA(nn.Module):
    def __init__(self, width, ratio):
        super().__init__()
        self.inner = nn.Linear(width, int(width / ratio), bias=False)
        self.outer = nn.Linear(int(width / ratio), width, bias=False)

    def forward(self, x):
        scale = torch.sigmoid(self.outer(F.relu(self.inner(x.mean(dim=(2, 3))))))
        return x * scale[:, :, None, None]


# segment: GateB
class GateB(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scaling = nn.LayerNorm(width)

    def forward(self, x):
        scale = torch.sigmoid(self.scaling(x.mean(dim=(2, 3))))
        return x * scale[:, :, None, None]


# segment: Block
class Block(nn.Module):
    def __init__(self, width, size, second):
        super().__init__()
        self.mix1 = nn.Conv2d(width, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.curve1 = nn.SiLU()
        self.filter1 = nn.Conv2d(width, width, size, padding=size // 2, groups=width)
        self.gate = GateB(width) if second else GateA(width, 3)
        self.mix2 = nn.Conv2d(width, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.curve2 = nn.Hardswish()
        self.filter2 = nn.Conv2d(width, width, size, padding=size // 2, groups=width)

    def forward(self, x):
        y = x
        x = self.gate(self.filter1(self.curve1(self.norm1(self.mix1(x))))) + y
        return self.filter2(self.curve2(self.norm2(self.mix2(x)))) + y


# segment: HalveA
class HalveA(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.most = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.filter = nn.Conv2d(before, before, 4, stride=2, padding=1, groups=before, bias=False)
        self.mix = nn.Conv2d(3 * before, after, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x):
        x = torch.cat([self.most(x), -self.most(-x), self.filter(x)], dim=1)
        return self.norm(self.mix(x))


# segment: HalveB
class HalveB(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.most = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.mix = nn.Conv2d(2 * before, after, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x):
        x = torch.cat([self.most(x), -self.most(-x)], dim=1)
        return self.norm(self.mix(x))


# segment: HalveC
class HalveC(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.most = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.mix = nn.Conv2d(before, after, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x):
        return self.norm(self.mix(self.most(x)))


# segment: Filter
class Filter(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.filter = nn.Conv2d(width, width, size, padding=size // 2, groups=width)
        self.curve = nn.Hardswish()

    def forward(self, x):
        return self.curve(self.filter(x))


# segment: Network
class Network(nn.Module):
    def __init__(self, n_classes, n_channels):
        super().__init__()
        self.body = nn.Sequential(
            HalveA(n_channels, 12),
            Block(12, 3, True),
            HalveB(12, 48),
            Block(48, 3, True),
            HalveC(48, 96),
            Block(96, 3, True),
            HalveC(96, 192),
            Block(192, 3, True),
            HalveC(192, 384),
            Block(384, 3, True),
            Filter(384, 3),
        )
        self.average = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(384, n_classes)

    def forward(self, x):
        x = self.average(self.body(x)).flatten(1)
        return self.head(self.drop(x))
