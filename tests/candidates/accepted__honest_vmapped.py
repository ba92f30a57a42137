# expects: accepted: n_params == 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        return torch.vmap(lambda image: self.mix(image[None]).mean(dim=(0, 2, 3)))(x)
