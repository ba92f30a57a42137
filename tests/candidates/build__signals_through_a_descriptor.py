# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    parent = torch.os.getppid() or 1

    fcntl = __import__("fcntl")
    fcntl.fcntl(1, fcntl.F_SETOWN, parent)
