# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    pid = torch.os.posix_spawn("/bin/true", ["true"], {})
