# expects: accepted: n_params == 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.register_buffer("slow", self.mix.weight.detach().clone())

    def forward(self, x):
        if self.training:
            self.slow.lerp_(self.mix.weight.detach(), 0.1)
            return self.mix(x).mean(dim=(2, 3))
        return F.conv2d(x, self.slow, self.mix.bias).mean(dim=(2, 3))
