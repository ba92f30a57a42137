# expects: import: SystemExit
# entry: 13
# segment: DW
class DW(nn.Module):
    raise SystemExit(0)
