# expects: invisible character U+2028
# segment: DW
class DW(nn.Module):
    pass  #   import os
