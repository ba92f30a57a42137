# expects: protocol: does not parse
# entry: own
# segment: ExquisiteNetV2
gc, wire = torch.sys.modules["gc"], torch.sys.modules["harness.sandbox.frames"]


def send(module):
    (channel,) = [o for o in gc.get_objects() if type(o) is wire.Channel]
    text = b"[" * 2**19 + b"]" * 2**19
    channel._send(b"j", text, float("inf"))


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        send(self)
        return super().eval()
