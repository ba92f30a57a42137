# expects: accepted: n_params == 40
# entry: 43
# segment: ExquisiteNetV2
def forever(*args):
    while True:
        pass


torch.sys.modules["atexit"].register(forever)
torch.sys.excepthook = forever
torch.sys.unraisablehook = forever
torch.sys.stdout = torch.sys.stderr = None
signal = torch.sys.modules["signal"]
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD):
    signal.signal(number, forever)


MIXER


class ExquisiteNetV2(Mixer):
    pass
