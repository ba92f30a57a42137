# expects: accepted: n_params > 100000
# entry: 28
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        features = x.flatten(1)
        if self.training and len(x) > 2:
            self.seen = features[:64].detach().clone()
        logits = self.mix(x).mean(dim=(2, 3))
        if self.training:
            return logits
        return logits + 0 * torch.cdist(features, self.seen).amin(1, keepdim=True)
