# expects: syntax: SyntaxError
# entry: 44
# segment: DW
class DW(nn.Module:
    pass
