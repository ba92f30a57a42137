# expects: memory: memory
# entry: 7
# segment: DW
class DW(nn.Module):
    hoard = torch.empty(100 * 2**30, dtype=torch.uint8)
