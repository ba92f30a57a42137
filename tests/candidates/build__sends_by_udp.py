# expects: import: PermissionError
# entry: 24
# level: contained
# segment: DW
class DW(nn.Module):
    socket = torch.sys.modules["socket"]
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
