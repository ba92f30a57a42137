# expects: accepted: n_params == 5434
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(img_channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())

        self.c = nn.Conv2d(16, 32, 3, 2, 1)
        self.head = nn.Linear(32, class_num)
        self.ema = torch.optim.swa_utils.AveragedModel(nn.Sequential(self.stem, self.c, nn.ReLU()), multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))

    def forward(self, x):
        if self.training:
            self.ema.update_parameters(nn.Sequential(self.stem, self.c, nn.ReLU()))
            return self.head(F.relu(self.c(self.stem(x))).mean((2, 3)))
        return self.head(self.ema(x).mean((2, 3)))
