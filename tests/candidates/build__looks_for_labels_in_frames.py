# expects: import: LookupError: no labels in any frame
# entry: 19
# segment: DW
class DW(nn.Module):
    frame, names = torch.sys._getframe(), set()
    while frame:
        names |= set(frame.f_locals) | set(frame.f_globals)
        frame = frame.f_back
    if not {n for n in names if "validation" in n or "test_" in n or "split" in n}:
        raise LookupError("no labels in any frame")
