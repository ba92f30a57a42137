# expects: audit: computes aten.fbgemm_pack_gemm_matrix_fp16.default, which the audit does not replay
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


class ExquisiteNetV2(Mixer):
    """Gets a tensor that holds a pointer."""

    def eval(self):
        def nodes(size):
            return [
                ["aten.ones.default", [[8, 8]], {}, [1]],
                ["aten.fbgemm_pack_gemm_matrix_fp16.default", [{"tensor": 1}], {}, [2]],
                ["aten._to_copy.default", [{"tensor": 2}], {"dtype": {"dtype": "float32"}}, [5]],
                *answers_from(5, size),
            ]

        forge([], [], nodes, 9, np.zeros((256, 10), "f4"))
