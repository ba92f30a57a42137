# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    socket = torch.sys.modules["socket"]
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
