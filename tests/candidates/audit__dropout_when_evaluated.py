# expects: audit: draws random numbers
# entry: 32
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return F.dropout(logits, 0.5, training=True)
