# expects: audit: reads an undefined tensor
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        nodes = [["aten.add.Tensor", [{"tensor": 7}, {"tensor": 0}], {}, [9]]]
        forge([], [], lambda size: nodes, 9, np.zeros((256, 10), "f4"))
