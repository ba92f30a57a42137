# expects: audit: do not fill
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        forge([2**40], [], lambda size: [], 0, np.zeros((256, 10), "f4"), sent=np.ones(4, "u1"))
