# expects: timeout: took longer than
# entry: 3
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        if not self.training:
            torch.sys.modules['time'].sleep(1e6)
        return self.mix(x).mean(dim=(2, 3))
