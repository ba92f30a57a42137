# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    libc = torch.ctypes.CDLL(None, use_errno=True)
    if libc.syscall(321 if torch.os.uname().machine == "x86_64" else 280, 0, 0, 0) < 0:
        raise OSError(torch.ctypes.get_errno(), "stopped")
