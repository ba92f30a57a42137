# expects: import: PermissionError
# entry: 9
# level: contained
# segment: DW
class DW(nn.Module):
    mmap = torch.sys.modules["mmap"]
    libc = torch.ctypes.CDLL(None)
    for _ in range(64):
        hidden = mmap.mmap(-1, 2**26)
        hidden.write(bytes(2**26))
        address = torch.ctypes.addressof(torch.ctypes.c_char.from_buffer(hidden))
        # All but one page; the others stay in memory, and count nowhere.
        libc.munmap(torch.ctypes.c_void_p(address + 4096), torch.ctypes.c_size_t(2**26 - 4096))
