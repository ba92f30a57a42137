# expects: memory
# entry: 10
# segment: DW
def deeper(depth):
    held = bytearray(2**18)
    return deeper(depth + 1) + len(held)


class DW(nn.Module):
    torch.sys.setrecursionlimit(10**9)
    deeper(0)
