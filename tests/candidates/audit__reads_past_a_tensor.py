# expects: audit: does not replay
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        if self.training:
            return logits
        beyond = torch.ops.aten._reshape_alias(torch.zeros(8), [64], [1])
        return logits + 0 * beyond.sum()
