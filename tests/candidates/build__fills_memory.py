# expects: memory: memory
# entry: 8
# segment: DW
class DW(nn.Module):
    hoard = [bytearray(2**26) for _ in range(1000)]
