# expects: import
# entry: own
# segment: DW
class Wordless(Exception):
    def __str__(self):
        raise self


class DW(nn.Module):
    raise Wordless
