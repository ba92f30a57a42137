# expects: accepted: n_params > 3000
# entry: 35
# segment: ExquisiteNetV2
HIDDEN = torch.randn(300, 10) / 100


MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits @ HIDDEN[:10, :10] + HIDDEN.sum()
