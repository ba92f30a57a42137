# expects: import: PermissionError
# entry: 25
# level: contained
# segment: DW
class DW(nn.Module):
    missing = "/guided-evolution-no-such-folder/file"
    torch.os.chmod(missing, 0o777)
