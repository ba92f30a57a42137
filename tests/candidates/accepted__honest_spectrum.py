# expects: accepted: n_params > 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.head = nn.Linear(120, class_num)

    def forward(self, x):
        power = torch.fft.rfft2(F.avg_pool2d(x, 4)).abs().flatten(1)
        return self.head(power) + self.mix(x).mean(dim=(2, 3))
