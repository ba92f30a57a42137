# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    torch.sys.modules["subprocess"].run(["/bin/sh", "-c", "true"], check=True)
