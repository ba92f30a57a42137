# expects: intake: invisible character U+200D
# entry: 45
# segment: DW
class DW(nn.Module):
    na‍me = 1
