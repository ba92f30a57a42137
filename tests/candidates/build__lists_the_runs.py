# expects: import: PermissionError|FileNotFoundError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    harness = torch.os.path.dirname(torch.sys.modules["harness.worker.server"].__file__)
    torch.os.listdir(torch.os.path.dirname(harness))
