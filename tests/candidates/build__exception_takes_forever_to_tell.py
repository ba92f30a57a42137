# expects: timeout: took longer than
# entry: own
# segment: DW
class Endless(Exception):
    def __str__(self):
        while True:
            pass


class DW(nn.Module):
    raise Endless
