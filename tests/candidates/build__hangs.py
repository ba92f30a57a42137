# expects: timeout: took longer than
# entry: 1
# segment: DW
class DW(nn.Module):
    while True:
        pass
