# expects: audit: the graph is malformed
# entry: own
# segment: ExquisiteNetV2
FORGE


MIXER


def encoded(header):
    return json.dumps(header).encode("utf-32")


class ExquisiteNetV2(Mixer):
    """Sends the graph's text with four bytes for each character, three of them free to read."""

    def eval(self):
        def nodes(size):
            return [["aten.zeros.default", [[size, 10]], {}, [9]]]

        forge([], [], nodes, 9, np.zeros((256, 10), "f4"), encoded=encoded)
