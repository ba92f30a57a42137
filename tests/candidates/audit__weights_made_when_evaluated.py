# expects: audit: draws random numbers
# entry: 37
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        if self.training:
            return logits
        if not hasattr(self, "hidden"):
            self.hidden = torch.randn(300, 10) / 100
        return logits @ self.hidden[:10] + self.hidden.sum()
