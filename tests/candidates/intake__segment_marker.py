# expects: intake: segment markers
# entry: own
# segment: DW
class DW(nn.Module):
    pass


# segment: Other
class Other(nn.Module):
    pass
