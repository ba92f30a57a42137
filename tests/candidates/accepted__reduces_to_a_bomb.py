# expects: accepted: n_params == 40
# entry: 27
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def __reduce_ex__(self, protocol):
        return (torch.os._exit, (3,))

    def state_dict(self, *args, **kwargs):
        torch.os._exit(3)

    def __getstate__(self):
        torch.os._exit(3)
