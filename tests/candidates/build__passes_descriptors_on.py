# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    socket = torch.sys.modules["socket"]
    socket.send_fds(socket.socket(fileno=3), [b"j"], [1])
