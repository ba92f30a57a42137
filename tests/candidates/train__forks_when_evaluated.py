# expects: forward: PermissionError
# entry: 4
# level: contained
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def eval(self):
        torch.os.fork()
