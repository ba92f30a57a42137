# expects: SystemExit
# segment: DW
class DW(nn.Module):
    raise SystemExit(0)
