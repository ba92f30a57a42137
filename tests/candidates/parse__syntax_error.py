# expects: SyntaxError
# segment: DW
class DW(nn.Module:
    pass
