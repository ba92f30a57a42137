# expects: construct: TypeError
# entry: 47
# segment: DW
class DW(nn.Module):
    def __init__(self):
        super().__init__()
