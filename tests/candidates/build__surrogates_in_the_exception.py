# expects: import: ValueError
# entry: 50
# segment: DW
class DW(nn.Module):
    raise ValueError("\ud800\udfff")
