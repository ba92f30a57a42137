# expects: audit
# entry: 32
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits * torch.sys.modules["random"].uniform(0.5, 2)
