# expects: timeout: took longer than
# entry: 2
# segment: DW
class DW(nn.Module):
    signal = torch.sys.modules["signal"]
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass
