# expects: import: PermissionError|FileNotFoundError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    open(torch.sys.modules["harness.tasks.kind"].__file__).close()
