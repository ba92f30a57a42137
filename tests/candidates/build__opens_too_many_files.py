# expects: import: Error
# entry: own
# segment: DW
class DW(nn.Module):
    pipes = [torch.os.pipe() for _ in range(2000)]
