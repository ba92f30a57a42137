# expects: import: ValueError: xxxxxxxx
# entry: 50
# segment: DW
class DW(nn.Module):
    raise ValueError("x" * 10**7)
