# expects: timeout: took longer than
# entry: 16
# segment: ExquisiteNetV2
def forever(*_, **__):
    while True:
        pass


class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        torch.sys.modules["harness.sandbox.frames"].Channel.send_array = forever
        return self.mix(x).mean(dim=(2, 3))
