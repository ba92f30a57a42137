# expects: import: PermissionError
# entry: 24
# level: contained
# segment: DW
class DW(nn.Module):
    torch.sys.modules["socket"].create_connection(("127.0.0.1", 9), timeout=1)
