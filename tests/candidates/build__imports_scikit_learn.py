# expects: import: Error
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    __import__("sklearn.datasets").datasets.load_digits()
