# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    parent = torch.os.getppid() or 1

    torch.os.kill(parent, 0)
