# expects: construct: is not a torch.nn.Module
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2:
    def __new__(cls, class_num, img_channels):
        return lambda x: x
