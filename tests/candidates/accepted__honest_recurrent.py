# expects: accepted: n_params > 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.rnn = nn.GRU(24, 16, batch_first=True)
        self.head = nn.Linear(16, class_num)

    def forward(self, x):
        rows, _ = self.rnn(F.avg_pool2d(x, 4).permute(0, 2, 1, 3).flatten(2))
        return self.head(rows[:, -1]) + self.mix(x).mean(dim=(2, 3))
