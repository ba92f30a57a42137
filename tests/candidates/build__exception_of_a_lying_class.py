# expects: import
# entry: own
# segment: DW
class Liar(Exception):
    @property
    def __class__(self):
        raise ZeroDivisionError


class DW(nn.Module):
    raise Liar("its class is none")
