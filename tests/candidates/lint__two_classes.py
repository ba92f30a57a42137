# expects: lint: F811
# entry: 47
# segment: DW
class DW(nn.Module):
    pass


class DW(nn.Module):
    pass
