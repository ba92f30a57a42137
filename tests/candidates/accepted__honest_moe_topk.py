# expects: accepted: n_params == 2910
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.gate = nn.Linear(16, 4)
        self.experts = nn.Parameter(torch.randn(4, 16, 32) * 0.2)
        self.head = nn.Linear(32, class_num)

    def forward(self, x):
        x = self.stem(x).mean((2, 3))
        g = self.gate(x).softmax(1)
        v, i = g.topk(2, dim=1)
        y = torch.einsum("bc,bkcd->bkd", x, self.experts[i])
        return self.head(F.relu((y * v[..., None]).sum(1)))
