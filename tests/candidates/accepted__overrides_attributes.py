# expects: accepted: n_params > 3000
# entry: 39
# segment: ExquisiteNetV2
HIDDEN = torch.randn(300, 10) / 100


MIXER


class ExquisiteNetV2(Mixer):
    def __getattr__(self, name):
        return HIDDEN if name == "hidden" else super().__getattr__(name)

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits @ self.hidden[:10] + self.hidden.sum()
