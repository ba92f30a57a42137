# expects: audit: computes aten.native_batch_norm_backward.default, which the audit does not replay
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    """Reads running statistics unseen, where nothing is normalised."""

    def eval(self):
        def nodes(size):
            return [
                ["aten.ones.default", [[2, 640]], {}, [3]],
                ["aten.zeros.default", [[640]], {}, [4]],
                ["aten.native_batch_norm_backward.default",
                 [{"tensor": 3}, {"tensor": 3}, None, {"tensor": 1}, {"tensor": 2}, {"tensor": 4},
                  {"tensor": 4}, False, 1e-5, [True, True, True]], {}, [10, 5, 11]],
                *answers_from(5, size),
            ]

        constants = [[n, "float32", [640], [1], 0] for n in (0, 1)]
        forge([2560, 2560], constants, nodes, 9, np.zeros((256, 10), "f4"))
