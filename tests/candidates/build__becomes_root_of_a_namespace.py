# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    libc = torch.ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000) < 0:
        raise OSError(torch.ctypes.get_errno(), "stopped")
