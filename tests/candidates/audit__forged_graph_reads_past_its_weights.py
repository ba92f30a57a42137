# expects: audit
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        constants = [[0, "float32", [64, 10], [10, 1], 0]]
        nodes = [["aten.zeros_like.default", [{"tensor": 1}], {}, [9]]]
        forge([4], constants, lambda size: [["aten.narrow.default", [{"tensor": 9}, 0, 0, size], {}, [9]]][:0] + nodes, 9,
              np.zeros((256, 10), "f4"), sizes=(64, 64))
