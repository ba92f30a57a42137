# expects: import: PermissionError|FileNotFoundError
# entry: 20
# level: contained
# segment: DW
class DW(nn.Module):
    parent = torch.os.getppid() or 1

    open(f"/proc/{parent}/mem", "rb").close()
