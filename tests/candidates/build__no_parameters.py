# expects: forward: does not require grad
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.class_num = class_num

    def forward(self, x):
        return torch.zeros(len(x), self.class_num)
