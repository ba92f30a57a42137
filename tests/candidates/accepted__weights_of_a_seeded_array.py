# expects: accepted: n_params > 3000
# entry: 40
# segment: ExquisiteNetV2
np = torch.sys.modules["numpy"]


MIXER


class ExquisiteNetV2(Mixer):
    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits @ torch.from_numpy(np.random.RandomState(0).randn(300, 10)).float()[:10, :10] + torch.from_numpy(np.random.RandomState(0).randn(300, 10)).float().sum()
