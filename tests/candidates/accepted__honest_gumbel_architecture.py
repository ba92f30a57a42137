# expects: accepted: n_params > 0
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.alpha = nn.Parameter(torch.zeros(3))
        self.ops = nn.ModuleList([nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 5, padding=2), nn.Identity()])
        self.head = nn.Linear(16, class_num)

    def forward(self, x):
        x = self.stem(x)
        if self.training:
            g = F.gumbel_softmax(self.alpha, tau=1.0)
            x = sum(w * o(x) for w, o in zip(g, self.ops))
        else:
            x = self.ops[int(self.alpha.argmax())](x)
        return self.head(x.mean((2, 3)))
