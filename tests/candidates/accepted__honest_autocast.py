# expects: accepted: n_params > 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            y = self.mix(F.relu(self.conv(x))).mean(dim=(2, 3))
        return y.float()
