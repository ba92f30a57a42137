# expects: import: PermissionError
# entry: 25
# level: contained
# segment: DW
class DW(nn.Module):
    missing = "/guided-evolution-no-such-folder/file"
    torch.os.utime(missing, (0, 0))
