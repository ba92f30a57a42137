# expects: import: PermissionError|FileNotFoundError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    path = torch.os.path
    harness = path.dirname(path.dirname(torch.sys.modules["harness.worker.server"].__file__))
    open(path.join(harness, "record", "journal.py")).close()
