# expects: timeout: took longer than
# entry: 16
# segment: ExquisiteNetV2
def forever(*_, **__):
    while True:
        pass


MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        torch.sys.modules["harness.sandbox.frames"].Channel.send_array = forever
        return self.mix(x).mean(dim=(2, 3))
