# expects: import: LookupError: no keys
# entry: 23
# segment: DW
class DW(nn.Module):
    names = [n for n in torch.os.environ if "KEY" in n or "TOKEN" in n or "HOME" in n]
    if not names:
        raise LookupError("no keys in the environment")
