# expects: accepted: n_params < 50
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        mean = x.mean(dim=(2, 3), keepdim=True)
        y = x.clone()
        y[y < mean] = 0
        return self.mix(y).mean(dim=(2, 3))
