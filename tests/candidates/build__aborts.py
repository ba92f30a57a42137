# expects: signal: died of SIG
# entry: own
# segment: DW
class DW(nn.Module):
    torch.os.abort()
