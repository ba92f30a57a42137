# expects: dtype: got torch.bfloat16
# entry: 34
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        return self.mix(x).mean(dim=(2, 3)).bfloat16()
