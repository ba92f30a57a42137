# expects: died of SIGSEGV
# segment: DW
class DW(nn.Module):
    torch.ctypes.string_at(0)
