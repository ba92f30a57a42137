# expects: import: PermissionError|FileNotFoundError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    site = torch.os.path.dirname(torch.os.path.dirname(torch.__file__))
    open(site + "/sklearn/datasets/data/digits.csv.gz", "rb").close()
