# expects: memory
# entry: 8
# segment: DW
class DW(nn.Module):
    text = "x" * 2**20
    while True:
        text += text
