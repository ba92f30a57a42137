# expects: accepted: n_params < 50
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        mean = x.mean(dim=(2, 3), keepdim=True)
        y = x.clone()
        y[y < mean] = 0
        return self.mix(y).mean(dim=(2, 3))
