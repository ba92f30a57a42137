# expects: audit
# entry: own
# segment: ExquisiteNetV2
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)
        self.hidden = torch.eye(10).to_sparse()

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits if self.training else torch.sparse.mm(self.hidden, logits.T).T
