# expects: audit: ValueError
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        if not self.training:
            raise ValueError('not today')
        return self.mix(x).mean(dim=(2, 3))
