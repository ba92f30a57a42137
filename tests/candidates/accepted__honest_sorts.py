# expects: accepted: n_params > 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.head = nn.Linear(24, class_num)

    def forward(self, x):
        top = x.flatten(2).topk(8, dim=2).values
        return self.head(top.flatten(1)) + self.mix(x).mean(dim=(2, 3))
