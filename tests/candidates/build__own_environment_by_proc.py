# expects: import: PermissionError|FileNotFoundError
# entry: 23
# level: contained
# segment: DW
class DW(nn.Module):
    open("/proc/self/environ").close()
