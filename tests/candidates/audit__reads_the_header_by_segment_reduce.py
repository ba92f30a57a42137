# expects: audit: computes aten.segment_reduce.default, which the audit does not replay
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    """Reads whatever lies behind a tensor, such as the text of the graph itself."""

    def eval(self):
        def nodes(size):
            return [
                ["aten.sum.dim_IntList", [{"tensor": 0}, [1, 2, 3]], {}, [1]],
                ["aten.full.default", [[1], size + 1000], {"dtype": {"dtype": "int64"}}, [2]],
                ["aten.segment_reduce.default", [{"tensor": 1}, "sum"],
                 {"lengths": {"tensor": 2}, "unsafe": True}, [5]],
                *answers_from(5, size),
            ]

        forge([], [], nodes, 9, np.zeros((256, 10), "f4"))
