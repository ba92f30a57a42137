# expects: construct: Error
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2:
    def __init__(self, class_num, img_channels):
        self.weight = torch.zeros(img_channels, class_num, requires_grad=True)

    @property
    def __class__(self):
        return nn.Module

    def to(self, **kwargs):
        return self

    def __call__(self, x):
        return x.mean(dim=(2, 3)) @ self.weight
