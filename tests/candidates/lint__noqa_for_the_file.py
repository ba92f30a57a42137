# expects: F821
# segment: DW
# ruff: noqa
class DW(nn.Module):
    def forward(self, x):
        return undefined(x)
