# expects: audit
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        nodes = [["aten.resize_.default", [{"tensor": 0}, [2**20]], {}, [9]]]
        forge([], [], lambda size: nodes, 9, np.zeros((256, 10), "f4"))
