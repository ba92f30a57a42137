# expects: accepted: score < 0.3
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        one = [["aten.zeros.default", [[size, 10]], {}, [9]] for size in (64, 48)]
        forge([], [], lambda size: [one[size == 48]], 9, np.zeros((256, 10), "f4"))
