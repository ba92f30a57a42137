# expects: audit: does not replay|grows a tensor
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    """Makes an operation grow a storage for it: what lies before the result nobody wrote."""

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Linear(64, class_num)
        
    def forward(self, x):
        x = F.adaptive_avg_pool2d(x.mean(dim=1), 8).flatten(1) - 0.3
        logits = self.mix(x)
        if self.training:
            return logits
        grown = torch.as_strided(torch.zeros(0), (0,), (1,), 5000)
        torch.add(torch.ones(1), torch.ones(1), out=grown)
        unwritten = torch.as_strided(grown, (5000,), (1,), 0)
        n = (unwritten != 0).float().sum()
        # one if the memory is not all zeros: then the answer changes to class 0 by much
        return logits + n.clamp(max=1) * F.one_hot(torch.tensor([0]), logits.shape[1]) * 1000
