# expects: timeout: took longer than
# entry: 3
# segment: DW
class DW(nn.Module):
    torch.sys.modules["time"].sleep(1e6)
