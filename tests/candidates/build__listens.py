# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    torch.sys.modules["socket"].create_server(("127.0.0.1", 0))
