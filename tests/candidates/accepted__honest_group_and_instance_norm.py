# expects: accepted: n_params == 46
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.one = nn.GroupNorm(1, 3)
        self.two = nn.InstanceNorm2d(3)

    def forward(self, x):
        return self.mix(self.one(self.two(x))).mean(dim=(2, 3))
