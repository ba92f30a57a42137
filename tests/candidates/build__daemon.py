# expects: import: PermissionError
# entry: 6
# level: contained
# segment: DW
class DW(nn.Module):
    if torch.os.fork() == 0:
        torch.os.setsid()
        if torch.os.fork() == 0:
            torch.sys.modules["time"].sleep(20)
        torch.os._exit(0)
