# expects: audit: which the audit does not replay
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    """Gives a loss more targets than there are."""

    def eval(self):
        def nodes(size):
            return [
                ["aten.zeros.default", [[4, 2, 3]], {}, [1]],
                ["aten.ones.default", [[2, 2]], {"dtype": {"dtype": "int64"}}, [2]],
                ["aten.ctc_loss.IntList", [{"tensor": 1}, {"tensor": 2}, [4, 4], [2, 1]], {}, [5]],
                *answers_from(5, size),
            ]

        forge([], [], nodes, 9, np.zeros((256, 10), "f4"))
