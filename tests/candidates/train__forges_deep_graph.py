# expects: protocol: does not parse
# entry: own
# segment: ExquisiteNetV2
gc, wire = torch.sys.modules["gc"], torch.sys.modules["harness.sandbox.frames"]


def send(module):
    (channel,) = [o for o in gc.get_objects() if type(o) is wire.Channel]
    text = b"[" * 2**19 + b"]" * 2**19
    channel._send(b"j", text, float("inf"))


class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def eval(self):
        send(self)
        return super().eval()

    def forward(self, x):
        return self.mix(x).mean(dim=(2, 3))
