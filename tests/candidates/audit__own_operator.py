# expects: audit: does not replay
# entry: own
# segment: ExquisiteNetV2
LIBRARY = torch.library.Library("candidate", "DEF")
LIBRARY.define("twice(Tensor x) -> Tensor")
LIBRARY.impl("twice", lambda x: x.clone() * 2, "CPU")


MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits if self.training else torch.ops.candidate.twice(logits)
