# expects: accepted: n_params == 946
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.i = nn.Linear(3, 24)
        self.h = nn.Linear(24, 24)
        self.head = nn.Linear(24, class_num)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(x, 16).flatten(2).permute(2, 0, 1)
        h = x.new_zeros(x.shape[1], 24)
        for t in x:
            h = torch.tanh(self.i(t) + self.h(h))
        return self.head(h)
