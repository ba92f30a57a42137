# expects: import: gaierror
# entry: 24
# level: contained
# segment: DW
class DW(nn.Module):
    torch.sys.modules["socket"].getaddrinfo("labels.example.invalid", 80)
