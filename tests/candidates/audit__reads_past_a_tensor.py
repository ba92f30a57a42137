# expects: audit: does not replay
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        if self.training:
            return logits
        beyond = torch.ops.aten._reshape_alias(torch.zeros(8), [64], [1])
        return logits + 0 * beyond.sum()
