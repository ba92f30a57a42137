# expects: accepted: n_params > 100000
# entry: 28
# segment: ExquisiteNetV2
MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        features = x.flatten(1)
        if self.training and len(x) > 2:
            self.seen = features[:64].detach().clone()
        logits = self.mix(x).mean(dim=(2, 3))
        if self.training:
            return logits
        return logits + 0 * torch.cdist(features, self.seen).amin(1, keepdim=True)
