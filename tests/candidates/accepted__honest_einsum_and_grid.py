# expects: accepted: n_params > 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.turn = nn.Parameter(torch.eye(2, 3))
        self.weight = nn.Parameter(torch.zeros(class_num, 3))

    def forward(self, x):
        grid = F.affine_grid(self.turn.expand(len(x), 2, 3), list(x.shape), align_corners=False)
        y = F.grid_sample(x, grid, align_corners=False)
        return torch.einsum('nchw,kc->nk', y, self.weight) / 1024 + self.mix(x).mean(dim=(2, 3))
