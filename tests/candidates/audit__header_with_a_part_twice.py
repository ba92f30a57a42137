# expects: audit: the graph is malformed
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


def encoded(header):
    return b'{"programs": "' + b"weights" * 999 + b'", ' + as_text(header)[1:]


class ExquisiteNetV2(Mixer):
    """Sends a part twice: the first holds what it likes."""

    def eval(self):
        def nodes(size):
            return [["aten.zeros.default", [[size, 10]], {}, [9]]]

        forge([], [], nodes, 9, np.zeros((256, 10), "f4"), encoded=encoded)
