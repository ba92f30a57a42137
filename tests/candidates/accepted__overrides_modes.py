# expects: accepted: n_params == 40
# entry: 39
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def train(self, mode=True):
        return self

    def eval(self):
        return self
