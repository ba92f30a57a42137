# expects: import: PermissionError
# entry: 23
# level: contained
# segment: DW
class DW(nn.Module):
    torch.sys.modules["socket"].create_connection(("169.254.169.254", 80), timeout=1)
