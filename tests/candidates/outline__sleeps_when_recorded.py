# expects: timeout: took longer than
# entry: 3
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        if not self.training:
            torch.sys.modules['time'].sleep(1e6)
        return self.mix(x).mean(dim=(2, 3))
