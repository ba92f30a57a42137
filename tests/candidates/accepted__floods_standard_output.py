# expects: accepted: n_params == 40
# entry: 15
# segment: ExquisiteNetV2
for _ in range(200):
    torch.os.write(1, bytes(2**20))
    torch.os.write(2, b"\x1b[2J")
    print("x" * 2**16)


class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        return self.mix(x).mean(dim=(2, 3))
