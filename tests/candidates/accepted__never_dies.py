# expects: accepted: n_params == 40
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def __del__(self):
        while True:
            pass
