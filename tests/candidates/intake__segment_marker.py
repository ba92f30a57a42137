# expects: segment markers
# segment: DW
class DW(nn.Module):
    pass


# segment: Other
class Other(nn.Module):
    pass
