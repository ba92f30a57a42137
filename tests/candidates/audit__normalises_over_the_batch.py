# expects: audit
# entry: 30
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.norm = nn.BatchNorm1d(class_num)

    def forward(self, x):
        self.norm.train()
        return self.norm(self.mix(x).mean(dim=(2, 3)))
