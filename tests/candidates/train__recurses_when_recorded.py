# expects: audit: RecursionError
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        return self(x) if not self.training else self.mix(x).mean(dim=(2, 3))
