# expects: forward: PermissionError|FileNotFoundError
# entry: 25
# level: contained
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 5:
            torch.os.listdir(torch.os.path.dirname(torch.sys.modules["harness.worker.server"].__file__))
        return self.mix(x).mean(dim=(2, 3))
