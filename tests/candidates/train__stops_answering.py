# expects: protocol: ended without an answer
# entry: 12
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        if not self.training:
            torch.os._exit(0)
        return self.mix(x).mean(dim=(2, 3))
