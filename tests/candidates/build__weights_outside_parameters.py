# expects: construct: expected parameters that receive a gradient
# entry: 35
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.weights = [torch.rand(img_channels, class_num, requires_grad=True)]
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        return x.mean(dim=(2, 3)) @ self.weights[0]
