# expects: audit: operations for one batch
# entry: 41
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))

        if not self.training:
            for _ in range(10**6):
                logits = logits + 0
        return logits
