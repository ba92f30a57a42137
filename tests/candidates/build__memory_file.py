# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    fd = torch.os.memfd_create("hidden")
