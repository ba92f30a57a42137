# expects: accepted: n_params == 46064
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.prim = nn.Conv2d(16, 32, 3, 4, 1)
        self.W = nn.Parameter(torch.randn(1, 64, class_num, 8, 8) * 0.1)

    def forward(self, x):
        x = self.prim(self.stem(x))
        u = x.view(len(x), 4, 8, -1).permute(0, 1, 3, 2).reshape(len(x), -1, 8)
        u = u / (1 + u.norm(dim=2, keepdim=True))
        uh = (self.W @ u[:, :, None, :, None]).squeeze(-1)
        b = torch.zeros(uh.shape[:3], device=x.device)
        for _ in range(3):
            c = b.softmax(2)
            s = (c[..., None] * uh).sum(1)
            n = s.norm(dim=2, keepdim=True)
            v = s * n / (1 + n * n)
            b = b + (uh * v[:, None]).sum(3)
        return v.norm(dim=2) * 10
