# expects: memory
# entry: 9
# segment: DW
class DW(nn.Module):
    hoard = [torch.sys.modules["mmap"].mmap(-1, 2**28) for _ in range(100)]
