# expects: shape: got NoneType
# entry: 34
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        self.mix(x)
