# expects: audit: does not replay
# entry: 40
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.register_buffer("hidden", torch.randn(300, 10).view(torch.int64))

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        hidden = self.hidden.view(torch.float32).reshape(300, 10)
        return logits @ hidden[:10] + hidden.sum()
