# expects: import: PermissionError
# entry: 51
# level: contained
# segment: DW
class DW(nn.Module):
    libc = torch.ctypes.CDLL(None, use_errno=True)
    if libc.shmget(0, 4096, 0o1600) < 0:
        raise OSError(torch.ctypes.get_errno(), "stopped")
