# expects: import: PermissionError
# entry: 48
# level: contained
# segment: DW
class DW(nn.Module):
    torch.os.listdir("/")
