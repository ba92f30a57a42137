# expects: signal: died of SIGSEGV
# entry: 11
# segment: DW
class DW(nn.Module):
    torch.ctypes.string_at(0)
