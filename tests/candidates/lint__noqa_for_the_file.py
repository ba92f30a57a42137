# expects: lint: F821
# entry: own
# segment: DW
# ruff: noqa
class DW(nn.Module):
    def forward(self, x):
        return undefined(x)
