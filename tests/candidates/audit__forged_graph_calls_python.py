# expects: audit: does not replay
# entry: 14
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        nodes = [["aten.__class__.__init__", [], {}, [9]], ["os.system.default", ["true"], {}, [8]]]
        forge([], [], lambda size: nodes[size == 64 :], 8, np.zeros((256, 10), "f4"))
