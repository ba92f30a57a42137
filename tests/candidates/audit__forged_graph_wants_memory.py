# expects: memory
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        nodes = [["aten.zeros.default", [[2**20, 2**20]], {}, [9]]]
        forge([], [], lambda size: nodes, 9, np.zeros((256, 10), "f4"))
