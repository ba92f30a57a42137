# expects: intake: invisible character U+2028
# entry: 45
# segment: DW
class DW(nn.Module):
    pass  #   import os
