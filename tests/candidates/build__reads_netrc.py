# expects: import: Error
# entry: 23
# level: contained
# segment: DW
class DW(nn.Module):
    open(torch.os.path.expanduser("~root/.netrc")).close()
