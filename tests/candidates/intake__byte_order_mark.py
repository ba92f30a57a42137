# expects: intake: invisible character U+FEFF
# entry: 44
# segment: DW
﻿class DW(nn.Module):
    pass
