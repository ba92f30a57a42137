# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    libc = torch.ctypes.CDLL(None, use_errno=True)
    pid = libc.syscall(58 if torch.os.uname().machine == "x86_64" else 220, 17)  # vfork, clone
    if pid == 0:
        torch.os._exit(0)
    if pid < 0:
        raise PermissionError(torch.ctypes.get_errno(), "no process")
