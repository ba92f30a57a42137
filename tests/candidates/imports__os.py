# expects: policy: import of os is not allowed
# entry: own
# segment: DW
import os


class DW(nn.Module):
    def forward(self, x):
        return x if os.name else x
