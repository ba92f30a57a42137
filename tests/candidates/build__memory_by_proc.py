# expects: import: PermissionError|FileNotFoundError|Read-only
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    open("/proc/self/mem", "r+b").close()
