# expects: syntax: does not define DW
# entry: 47
# segment: DW
class Depthwise(nn.Module):
    pass
