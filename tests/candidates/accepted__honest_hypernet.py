# expects: accepted: n_params == 10522
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.gen = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32 * 9))
        self.code = nn.Parameter(torch.randn(16, 4))
        self.head = nn.Linear(32, class_num)

    def forward(self, x):
        x = self.stem(x)
        k = self.gen(self.code).view(16, 32, 3, 3).transpose(0, 1)
        x = F.relu(F.conv2d(x, k * 0.1, stride=2, padding=1))
        return self.head(x.mean((2, 3)))
