# expects: import: Error
# entry: 51
# level: contained
# segment: DW
class DW(nn.Module):
    torch.zeros(4096).share_memory_()
