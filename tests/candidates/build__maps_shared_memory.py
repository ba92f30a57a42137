# expects: memory
# entry: 9
# segment: DW
class DW(nn.Module):
    try:
        hoard = [torch.sys.modules["mmap"].mmap(-1, 2**28) for _ in range(100)]
    except PermissionError as stopped:
        raise MemoryError from stopped
