# expects: invisible character U+202E
# segment: DW
class DW(nn.Module):
    note = "‮"
