# expects: protocol: expected another type in the field kind
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
        text = b'{"message": "failure", "kind": {"accepted": 1}, "reason": "\\u001b[31m<b>trust me\\n"}'
        torch.os.write(fd, b"j" + len(text).to_bytes(8, "big") + text)
