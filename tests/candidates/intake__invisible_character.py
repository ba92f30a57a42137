# expects: intake: invisible character U+202E
# entry: 45
# segment: DW
class DW(nn.Module):
    note = "‮"
