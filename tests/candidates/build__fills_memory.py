# expects: memory
# segment: DW
class DW(nn.Module):
    hoard = [bytearray(2**28) for _ in range(1000)]
