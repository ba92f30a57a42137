# expects: protocol: impossible shape
# entry: own
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
        text = b"f\x02" + (2**62).to_bytes(8, "big") * 2
        torch.os.write(fd, b"a" + len(text).to_bytes(8, "big") + text)
