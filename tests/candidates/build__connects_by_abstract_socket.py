# expects: import: PermissionError
# entry: 24
# level: contained
# segment: DW
class DW(nn.Module):
    socket = torch.sys.modules["socket"]
    socket.socket(socket.AF_UNIX).connect("\0guided-evolution-nobody")
