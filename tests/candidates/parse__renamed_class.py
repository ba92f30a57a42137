# expects: does not define DW
# segment: DW
class Depthwise(nn.Module):
    pass
