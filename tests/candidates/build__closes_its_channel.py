# expects: protocol: stopped answering
# entry: 16
# segment: DW
class DW(nn.Module):
    torch.os.closerange(3, 200)
    while True:
        pass
