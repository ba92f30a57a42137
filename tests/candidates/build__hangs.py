# expects: took longer than
# segment: DW
class DW(nn.Module):
    while True:
        pass
