# expects: nonfinite: not all finite
# entry: 33
# segment: DW
class DW(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.dw = nn.Conv2d(c, c, k, padding=k // 2, groups=c)

    def forward(self, x):
        return self.dw(x) if self.training else self.dw(x) * float("nan")
