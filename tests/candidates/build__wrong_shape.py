# expects: construct: RuntimeError
# entry: 34
# segment: DW
class DW(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.dw = nn.Conv2d(c, 2 * c, k, padding=k // 2, groups=c)

    def forward(self, x):
        return self.dw(x)
