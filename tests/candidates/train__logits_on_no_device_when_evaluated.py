# expects: forward: meta
# entry: 34
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits if self.training else logits.to("meta")
