# expects: syntax: TabError
# entry: 44
# segment: DW
class DW(nn.Module):
        a = 1
	b = 2
