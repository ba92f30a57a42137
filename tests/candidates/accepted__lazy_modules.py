# expects: accepted: n_params == 150
# entry: 38
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.head = nn.LazyLinear(10, bias=True)

    def forward(self, x):
        return self.head(self.mix(x).flatten(2).mean(2).flatten(1))
