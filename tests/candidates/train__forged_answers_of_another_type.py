# expects: protocol: expected an array of f4
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        nodes = {n: [["aten.zeros.default", [[n, 10]], {}, [9]]] for n in (64, 48)}
        forge([], [], nodes.get, 9, np.zeros((256, 10), "i8"))
