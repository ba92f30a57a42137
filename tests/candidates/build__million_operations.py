# expects: timeout: took longer than
# entry: 41
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))

        with torch.no_grad():
            for _ in range(10**6):
                logits = logits + self.mix(x).mean(dim=(2, 3))
        return self.mix(x).mean(dim=(2, 3)) + logits
