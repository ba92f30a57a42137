# expects: nonfinite: not all finite
# entry: 33
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        if not self.training:
            self.mix.weight.fill_(float("inf"))
        return self.mix(x).mean(dim=(2, 3))
