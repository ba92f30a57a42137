# expects: accepted: n_params == 74
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.filter = nn.Parameter(torch.ones(17, dtype=torch.complex64))

    def forward(self, x):
        y = torch.view_as_real(torch.fft.rfft(x) * self.filter).sum(-1)
        return self.mix(y).mean(dim=(2, 3))
