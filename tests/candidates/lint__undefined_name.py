# expects: lint: F821
# entry: own
# segment: DW
class DW(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.dw = nn.Conv2d(c, c, kernel, groups=c)  # noqa
