# expects: audit: draws random numbers
# entry: 40
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        torch.manual_seed(0)
        return logits @ torch.randn(10, 10)
