# expects: import: PermissionError|Read-only
# entry: 26
# level: contained
# segment: DW
class DW(nn.Module):
    torch.os.close(torch.os.open(torch.nn.__cached__, torch.os.O_RDWR))
