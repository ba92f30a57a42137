# expects: protocol: does not parse
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
        text = b'{"message": ' + b"9" * 10**5 + b"}"
        torch.os.write(fd, b"j" + len(text).to_bytes(8, "big") + text)
