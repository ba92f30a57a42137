# expects: intake: invisible character U+001C
# entry: 44
# segment: DW
class DW(nn.Module):
    pass  #  import os
