# expects: invisible character U+001C
# segment: DW
class DW(nn.Module):
    pass  #  import os
