# expects: import: Error
# entry: 51
# level: contained
# segment: DW
class DW(nn.Module):
    torch.save(torch.zeros(2**20), "/dev/shm/guided-evolution-attack")
