# expects: accepted: n_params == 40
# entry: 27
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def __reduce_ex__(self, protocol):
        return (torch.os._exit, (3,))

    def state_dict(self, *args, **kwargs):
        torch.os._exit(3)

    def __getstate__(self):
        torch.os._exit(3)

    def forward(self, x):
        return self.mix(x).mean(dim=(2, 3))
