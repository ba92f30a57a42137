# expects: policy: import of subprocess is not allowed
# entry: own
# segment: DW
class DW(nn.Module):
    def forward(self, x):
        from subprocess import run

        return run(x)
