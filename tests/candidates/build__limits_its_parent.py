# expects: import: PermissionError
# entry: 21
# level: contained
# segment: DW
class DW(nn.Module):
    parent = torch.os.getppid() or 1

    resource = __import__("resource")
    resource.prlimit(parent, resource.RLIMIT_CORE)
