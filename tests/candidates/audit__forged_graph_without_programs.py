# expects: audit
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        forge([], [], None, 9, np.zeros((256, 10), "f4"), sizes=())
