# expects: import of os is not allowed
# segment: DW
import os


class DW(nn.Module):
    def forward(self, x):
        return x if os.name else x
