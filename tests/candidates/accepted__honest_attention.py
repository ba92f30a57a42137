# expects: accepted: n_params > 40
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.embed = nn.Linear(3, 16)
        self.place = nn.Parameter(torch.zeros(16, 16))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, class_num)

    def forward(self, x):
        tokens = F.avg_pool2d(x, 8).flatten(2).transpose(1, 2)
        return self.head(self.layer(self.embed(tokens) + self.place).mean(dim=1)) + self.mix(x).mean(dim=(2, 3))
