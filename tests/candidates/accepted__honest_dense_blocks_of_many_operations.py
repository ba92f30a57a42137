# expects: accepted: n_params > 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.layers = nn.ModuleList(nn.Conv2d(3 + i, 1, 1) for i in range(10))

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = torch.cat([y, layer(y)], 1)
        return self.mix(y[:, :3]).mean(dim=(2, 3)) + y[:, -10:].mean(dim=(2, 3))
