# expects: construct: forward
# entry: 45
# segment: DW
class DW(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.dw = nn.Conv2d(c, c, k, padding=k // 2, groups=c)

    def fоrward(self, x):  # the second letter is Cyrillic
        return self.dw(x)
