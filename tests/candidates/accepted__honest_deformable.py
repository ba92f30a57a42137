# expects: accepted: n_params == 5724
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.off = nn.Conv2d(16, 2, 3, padding=1)
        nn.init.zeros_(self.off.weight)
        self.c = nn.Conv2d(16, 32, 3, 2, 1)
        self.head = nn.Linear(32, class_num)

    def forward(self, x):
        x = self.stem(x)
        o = self.off(x).tanh().permute(0, 2, 3, 1) * 0.2
        th = torch.eye(2, 3, device=x.device).expand(len(x), 2, 3)
        g = F.affine_grid(th, x.shape, align_corners=False)
        x = F.grid_sample(x, g + o, align_corners=False)
        return self.head(F.relu(self.c(x)).mean((2, 3)))
