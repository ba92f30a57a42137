# expects: import: Error
# entry: 21
# level: contained
# segment: DW
class DW(nn.Module):
    resource = __import__("resource")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
