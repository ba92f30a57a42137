# expects: import: KeyboardInterrupt
# entry: 13
# segment: DW
class DW(nn.Module):
    raise KeyboardInterrupt("stop the harness")
