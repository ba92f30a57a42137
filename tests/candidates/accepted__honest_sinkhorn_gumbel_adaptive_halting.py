# expects: accepted: n_params > 0
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.cell = nn.Linear(16, 16)
        self.halt = nn.Linear(16, 1)
        self.head = nn.Linear(16, class_num)

    def forward(self, x):
        h = self.stem(x).mean((2, 3))
        remaining = torch.ones(len(h), 1, device=h.device)
        out = torch.zeros_like(h)
        for step in range(6):
            h = torch.tanh(self.cell(h))
            p = torch.sigmoid(self.halt(h)) * remaining
            out = out + p * h
            remaining = remaining - p
            if remaining.max() < 0.01:
                break
        return self.head(out + remaining * h)
