"""A small convolutional network, as an example of a seed network."""

import torch
from torch import nn


# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    """SGD with momentum."""
    return torch.optim.SGD(
        model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay, nesterov=nesterov
    )


# segment: Block
class Block(nn.Module):
    """A convolution that halves the map, and a residual one at its new size."""

    def __init__(self, cin, cout):
        super().__init__()
        self.halve = nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(cout),
            nn.ReLU(),
        )
        self.refine = nn.Sequential(
            nn.Conv2d(cout, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()
        )

    def forward(self, x):
        x = self.halve(x)
        return x + self.refine(x)


# segment: SmallCNN
class SmallCNN(nn.Module):
    """Three blocks, then the mean of each channel, then one linear layer."""

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.body = nn.Sequential(Block(img_channels, 24), Block(24, 48), Block(48, 96))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(96, class_num))

    def forward(self, x):
        return self.head(self.body(x).mean(dim=(2, 3)))
