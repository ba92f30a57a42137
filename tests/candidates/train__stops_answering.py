# expects: protocol: ended without an answer
# entry: 12
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        if not self.training:
            torch.os._exit(0)
        return self.mix(x).mean(dim=(2, 3))
