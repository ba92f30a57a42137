# expects: signal: died of SIGSEGV
# entry: 10
# segment: DW
class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr([self])


class DW(nn.Module):
    torch.sys.setrecursionlimit(10**9)
    repr(Deep())
