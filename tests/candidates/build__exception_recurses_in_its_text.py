# expects: import
# entry: own
# segment: DW
class Endless(Exception):
    def __str__(self):
        return str(self)

    __repr__ = __str__


class DW(nn.Module):
    raise Endless
