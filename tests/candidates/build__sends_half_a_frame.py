# expects: timeout: took longer than
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
        torch.os.write(fd, b"j\0\0")
        while True:
            pass
