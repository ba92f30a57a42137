# expects: nonfinite: not all finite
# entry: 33
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits if self.training else logits * 1e38 * 1e38
