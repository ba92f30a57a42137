# expects: import: PermissionError
# entry: 21
# level: contained
# segment: DW
class DW(nn.Module):
    parent = torch.os.getppid() or 1

    torch.os.sched_setaffinity(parent, torch.os.sched_getaffinity(0))
