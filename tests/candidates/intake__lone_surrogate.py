# expects: intake: invisible character U+DC80
# entry: 44
# segment: DW
class DW(nn.Module):
    pass  # €
