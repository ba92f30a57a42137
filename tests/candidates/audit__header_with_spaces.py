# expects: audit: the graph is malformed
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


def encoded(header):
    return as_text(header).replace(b", ", b",   ")


class ExquisiteNetV2(Mixer):
    """Sends the graph's text with spaces that hold bits."""

    def eval(self):
        def nodes(size):
            return [["aten.zeros.default", [[size, 10]], {}, [9]]]

        forge([], [], nodes, 9, np.zeros((256, 10), "f4"), encoded=encoded)
