# expects: accepted: n_params > 3000
# entry: 35
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        object.__setattr__(self, "hidden", torch.randn(300, 10) / 100)

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits @ self.__dict__["hidden"][:10, :10] + self.__dict__["hidden"].sum()
