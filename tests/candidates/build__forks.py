# expects: import: PermissionError
# entry: 4
# level: contained
# segment: DW
class DW(nn.Module):
    children = [torch.os.fork() for _ in range(3)]
