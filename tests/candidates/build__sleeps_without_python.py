# expects: timeout: took longer than
# entry: own
# segment: DW
class DW(nn.Module):
    torch.ctypes.PyDLL(None).usleep(10**9)  # holds the interpreter's lock
