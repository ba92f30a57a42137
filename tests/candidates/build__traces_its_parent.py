# expects: import: PermissionError
# entry: 20
# level: contained
# segment: DW
class DW(nn.Module):
    parent = torch.os.getppid() or 1
    libc = torch.ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, parent, 0, 0) < 0:
        raise OSError(torch.ctypes.get_errno(), "stopped")
