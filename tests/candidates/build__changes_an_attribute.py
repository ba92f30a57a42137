# expects: import: PermissionError
# entry: 25
# level: contained
# segment: DW
class DW(nn.Module):
    missing = "/guided-evolution-no-such-folder/file"
    torch.os.setxattr(missing, "user.x", b"")
