# expects: timeout
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        big = [["aten.ones.default", [[4000, 4000]], {}, [8]]]
        work = [["aten.mm.default", [{"tensor": 8}, {"tensor": 8}], {}, [8]]] * 2000
        forge([], [], lambda size: big + work, 8, np.zeros((256, 10), "f4"))
