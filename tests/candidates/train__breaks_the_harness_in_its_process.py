# expects: protocol: ended without an answer
# entry: own
# segment: ExquisiteNetV2
def broken(*args, **kwargs):
    raise RuntimeError("out of order")


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        torch.sys.modules["json"].dumps = broken
        return super().eval()
