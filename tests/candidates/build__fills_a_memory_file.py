# expects: import: Error
# entry: 15
# segment: DW
class DW(nn.Module):
    fd = torch.os.memfd_create("flood")
    torch.os.write(fd, bytes(2**20))
