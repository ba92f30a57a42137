# expects: import: Quiet: nobody catches this
# entry: 13
# segment: DW
class Quiet(BaseException):
    pass


class DW(nn.Module):
    raise Quiet("nobody catches this")
