# expects: audit: does not replay
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        nodes = [["aten.from_file.default", ["/etc/passwd", False, 640], {}, [9]]]
        forge([], [], lambda size: nodes, 9, np.zeros((256, 10), "f4"))
