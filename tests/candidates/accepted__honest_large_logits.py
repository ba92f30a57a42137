# expects: accepted: n_params == 40
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        return self.mix(x).mean(dim=(2, 3)) * 1000
