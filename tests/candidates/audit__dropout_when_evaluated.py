# expects: audit: draws random numbers
# entry: 32
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return F.dropout(logits, 0.5, training=True)
