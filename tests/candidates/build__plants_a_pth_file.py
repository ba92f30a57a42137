# expects: import: PermissionError|Read-only
# entry: 26
# level: contained
# segment: DW
class DW(nn.Module):
    site = torch.os.path.dirname(torch.os.path.dirname(torch.__file__))
    open(site + "/guided_evolution_attack.pth", "x").close()
