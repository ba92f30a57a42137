# expects: import: Error
# entry: 51
# segment: DW
class DW(nn.Module):
    file = torch.sys.modules["tempfile"].TemporaryFile()
    file.write(bytes(2**20))
    file.flush()
