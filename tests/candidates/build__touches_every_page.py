# expects: memory
# entry: 8
# segment: DW
class DW(nn.Module):
    hoard = [torch.ones(2**24) for _ in range(100)]
