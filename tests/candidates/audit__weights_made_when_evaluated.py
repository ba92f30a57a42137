# expects: audit: draws random numbers
# entry: 37
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        if self.training:
            return logits
        if not hasattr(self, "hidden"):
            self.hidden = torch.randn(300, 10) / 100
        return logits @ self.hidden[:10] + self.hidden.sum()
