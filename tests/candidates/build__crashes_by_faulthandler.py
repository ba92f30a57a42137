# expects: signal: died of SIG
# entry: 11
# segment: DW
class DW(nn.Module):
    __import__("faulthandler")._read_null()
