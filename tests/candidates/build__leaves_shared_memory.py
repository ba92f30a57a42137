# expects: import: PermissionError|FileNotFoundError|Read-only
# entry: 51
# level: contained
# segment: DW
class DW(nn.Module):
    open("/dev/shm/guided-evolution-attack", "x").close()
