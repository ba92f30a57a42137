# expects: audit: ValueError
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        if not self.training:
            raise ValueError('not today')
        return self.mix(x).mean(dim=(2, 3))
