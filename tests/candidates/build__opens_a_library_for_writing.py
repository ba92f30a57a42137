# expects: import: PermissionError|Read-only
# entry: 25
# level: contained
# segment: DW
class DW(nn.Module):
    torch.os.close(torch.os.open(torch.__file__, torch.os.O_WRONLY))
