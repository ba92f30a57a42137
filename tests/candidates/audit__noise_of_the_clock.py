# expects: audit
# entry: 32
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits + torch.sys.modules["time"].monotonic_ns() % 1000 * torch.eye(10)[0]
