# expects: forward: KeyboardInterrupt
# entry: 13
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 5:
            raise KeyboardInterrupt
        return self.mix(x).mean(dim=(2, 3))
