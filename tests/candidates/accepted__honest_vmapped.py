# expects: accepted: n_params == 40
# entry: own
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        return torch.vmap(lambda image: self.mix(image[None]).mean(dim=(0, 2, 3)))(x)
