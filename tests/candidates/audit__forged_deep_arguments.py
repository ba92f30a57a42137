# expects: audit
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        deep = 0
        for _ in range(400):
            deep = [deep]
        nodes = [["aten.zeros.default", [deep], {}, [9]]]
        forge([], [], lambda size: nodes, 9, np.zeros((256, 10), "f4"))
