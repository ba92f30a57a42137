# expects: accepted: n_params == 3846
# entry: own
# segment: ExquisiteNetV2

class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.coef = nn.Parameter(torch.randn(64, 6, class_num) * 0.1)
        self.register_buffer("grid", torch.linspace(0, 1, 6))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(x.mean(1), 8).flatten(1)
        i = torch.bucketize(x.detach(), self.grid).clamp(1, 5)
        b = F.relu(1 - (x[..., None] - self.grid).abs() * 5)
        return torch.einsum("bng,ngc->bc", b, self.coef) + 0 * i.sum(1, keepdim=True)
