# expects: timeout: took longer than
# entry: 2
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    calls = 0

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        self.calls += 1
        while self.calls > 5:
            pass
        return self.mix(x).mean(dim=(2, 3))
