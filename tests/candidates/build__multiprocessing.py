# expects: import: PermissionError
# entry: own
# level: contained
# segment: DW
class DW(nn.Module):
    worker = torch.sys.modules["multiprocessing"].get_context("fork").Process(target=print)
    worker.start()
