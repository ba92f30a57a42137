# expects: accepted: n_params == 40
# entry: 5
# segment: ExquisiteNetV2
threading = torch.sys.modules["threading"]


def busy():
    while True:
        torch.sys.modules["time"].sleep(0.001)


class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.__dict__['thread'] = threading.Thread(target=busy)
        self.thread.start()

    def forward(self, x):
        return self.mix(x).mean(dim=(2, 3))
