# expects: import: PermissionError|FileNotFoundError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    torch.os.listdir("/proc")
