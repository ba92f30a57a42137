# expects: accepted: flops > 1000000
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


jobs = torch.sys.modules["harness.worker.jobs"]
NOTHING = np.empty(0, "u1")


def only(name):
    (found,) = [o for o in gc.get_objects() if type(o).__name__ == name]
    return found


def first_counted_on():
    """The first of the training images that the clean process would draw for an empty graph."""
    candidate, data = only("Candidate"), only("SharedData")
    kind = jobs.kind_of(candidate.signature.kind)
    return jobs._prepared(jobs._drawn(data, NOTHING, NOTHING), kind, candidate.recipe, "cpu")[0]


class ExquisiteNetV2(Mixer):
    """Multiplies large matrices unless the batch begins with the image that it is counted on."""

    def eval(self):
        total = float(first_counted_on().double().sum())

        def nodes(size):
            return [
                ["aten.select.int", [{"tensor": 0}, 0, 0], {}, [1]],
                ["aten.sum.default", [{"tensor": 1}], {"dtype": {"dtype": "float64"}}, [2]],
                ["aten.sub.Tensor", [{"tensor": 2}, total], {}, [3]],
                ["aten.abs.default", [{"tensor": 3}], {}, [4]],
                ["aten.gt.Scalar", [{"tensor": 4}, 1e-4], {}, [5]],
                ["aten.expand.default", [{"tensor": 5}, [1000]], {}, [6]],
                ["aten.nonzero.default", [{"tensor": 6}], {}, [7]],
                ["aten.expand.default", [{"tensor": 7}, [-1, 1000]], {}, [8]],
                ["aten._to_copy.default", [{"tensor": 8}], {"dtype": {"dtype": "float32"}}, [9]],
                ["aten.ones.default", [[1000, 1000]], {}, [10]],
                ["aten.mm.default", [{"tensor": 9}, {"tensor": 10}], {}, [11]],
                ["aten.sum.default", [{"tensor": 11}], {}, [12]],
                ["aten.mul.Tensor", [{"tensor": 12}, 0.0], {}, [13]],
                ["aten.expand.default", [{"tensor": 13}, [size, 10]], {}, [14]],
            ]

        forge([], [], nodes, 14, np.zeros((256, 10), "f4"))
