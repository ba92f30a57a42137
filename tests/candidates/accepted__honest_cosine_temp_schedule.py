# expects: accepted: n_params < 5600
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.c = nn.Conv2d(16, 32, 3, 2, 1)
        self.w = nn.Parameter(torch.randn(class_num, 32))
        self.step = 0

    def forward(self, x):
        x = F.relu(self.c(self.stem(x))).mean((2, 3))
        if self.training:
            self.step += 1
        t = 10 + 10 * min(1.0, self.step / 50)
        return t * F.normalize(x, dim=1) @ F.normalize(self.w, dim=1).T
