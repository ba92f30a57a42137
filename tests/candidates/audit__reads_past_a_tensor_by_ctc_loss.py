# expects: audit: which the audit does not replay
# entry: own
# segment: ExquisiteNetV2
json, np = torch.sys.modules["json"], torch.sys.modules["numpy"]
gc, wire = torch.sys.modules["gc"], torch.sys.modules["harness.sandbox.frames"]


def forge(storages, constants, nodes, result, own, sizes=(64, 48), sent=None, spare=()):
    (channel,) = [o for o in gc.get_objects() if type(o) is wire.Channel]
    inputs = [[n + 1, n] for n in range(len(constants))]
    header = {
        "programs": [[size, inputs, nodes(size), result] for size in sizes],
        "constants": [*constants, *spare],
        "storages": storages,
    }
    channel.send_array(np.frombuffer(json.dumps(header).encode(), "u1"))
    channel.send_array(np.ones(sum(storages), "u1") if sent is None else sent)
    channel.send_array(own)
    while True:
        pass


class ExquisiteNetV2(nn.Module):
    """Gives a loss more targets than there are."""

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def eval(self):
        def nodes(size):
            return [
                ["aten.zeros.default", [[4, 2, 3]], {}, [1]],
                ["aten.ones.default", [[2, 2]], {"dtype": {"dtype": "int64"}}, [2]],
                ["aten.ctc_loss.IntList", [{"tensor": 1}, {"tensor": 2}, [4, 4], [2, 1]], {}, [5]],
                ["aten.nan_to_num.default", [{"tensor": 5}], {}, [6]],
                ["aten.mul.Tensor", [{"tensor": 6}, 0.0], {}, [7]],
                ["aten.sum.default", [{"tensor": 7}], {}, [8]],
                ["aten.expand.default", [{"tensor": 8}, [size, 10]], {}, [9]],
            ]

        forge([], [], nodes, 9, np.zeros((256, 10), "f4"))

    def forward(self, x):
        return self.mix(x).mean(dim=(2, 3))
