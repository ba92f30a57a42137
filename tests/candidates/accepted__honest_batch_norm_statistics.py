# expects: accepted: n_state == 6
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.conv = nn.Conv2d(3, 3, 3, bias=False)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.mix(self.norm(self.conv(x))).mean(dim=(2, 3))
