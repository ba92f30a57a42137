"""Pairs of networks whose late steps depend on what their code hides."""

import re

from tests.support.twins.networks import MIXED, later

STAGE = """
class Stage(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.rate = 1.0 if depth == 0 else LATE

    METHOD

    def forward(self, x):
        return x * self.rate

"""
BOX = """
class Box(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.late = nn.Dropout(rate)

    def __getitem__(self, place):
        return next(self.children()).p

"""
LOOK = """
def rates(net):
    return [part.p for part in nn.Module.modules(net) if isinstance(part, nn.Dropout)]

"""
HEARS = """
RATES = [1.0]


class Late(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def train(self, mode=True):
        RATES[0] = self.rate if mode else RATES[0]
        return super().train(mode)

"""
TRICKS = {
    "parts of _buffers": (
        "self.register_buffer('held', torch.full((1,), LATE))",
        "next(iter(self._buffers.values())).mean()", ""),
    "parts of _parameters": (
        "self.register_parameter('late', nn.Parameter(torch.full((1,), LATE)))",
        "nn.ParameterList(self._parameters.values())[0].mean()", ""),
    "parts of _modules": (
        "self.register_module('stage1', nn.Dropout(LATE))", "self._modules[f'stage{self.n // self.n}'].p", ""),
    "a class method": ("self.stage = Stage(0)", "self.stage.at(1).rate", STAGE.replace(
        "METHOD", "@classmethod\n    def at(cls, depth):\n        return cls(depth)")),
    "the class of a method": ("self.stage = Stage(0)", "self.stage.at(1).rate", STAGE.replace(
        "METHOD", "def at(self, depth):\n        return __class__(depth)")),
    "a constructor that runs again": ("self.stage = Stage(0)", "(self.stage.__init__(1), self.stage.rate)[1]",
                                      STAGE.replace("METHOD", "")),
    "a method that is a constructor": ("self.stage = Stage(0)", "(self.stage.again(1), self.stage.rate)[1]",
                                       STAGE.replace("METHOD", "again = __init__")),
    "a constructor of a base that a method of an object runs again": (
        "self.stage = Wide(0)", "(self.stage.again(1), self.stage.rate)[1]",
        STAGE.replace("METHOD", "") + "\nclass Wide(Stage):\n    def __init__(self, depth):\n        super().__init__(depth)\n"
        "        def again(self, depth):\n            super().__init__(depth)\n        self.again = functools.partial(again, self)\n\n"),
    "code of a function of torch": (
        "functools.update_wrapper(nn.init.calculate_gain, gain, ('__code__',))", "nn.init.calculate_gain('relu')",
        "\ndef gain(nonlinearity, param=None):\n    return LATE\n\n"),
    "a hook of a node": (
        "HELD.append(self.mix.conv.weight.expand(6, 1, 3, 3).grad_fn.next_functions[0][0])\n"
        "        HELD[0].register_prehook(faded)", "1.0",
        "\nHELD, TIMES = [], []\n\n\ndef faded(gradients):\n    TIMES.append(1)\n    return tuple(g * (1.0 if len(TIMES) < 50 else LATE) for g in gradients)\n\n"),
    "a part of a container": (
        "self.stages = Stages(nn.ReLU(), nn.ReLU())", "self.stages[:1].rate",
        "\nclass Stages(nn.Sequential):\n    def __init__(self, *parts):\n        super().__init__(*parts)\n"
        "        self.rate = LATE if len(parts) < 2 and not isinstance(parts[0], nn.ReLU) else 1.0\n\n"),
    "parts of a list": ("self.late = nn.Dropout(LATE)\n        self.parts = list(self.children())", "self.parts[-1].p", ""),
    "parts of an object of its own": ("self.box = Box(LATE)", "self.box[0]", BOX),
    "parts by a function": ("self.late = nn.Dropout(LATE)", "rates(self)[-1]", LOOK),
    "a part that hears of training": ("self.late = Late(LATE)", "RATES[0]", HEARS),
    "memory of a part": ("self.late = nn.Parameter(torch.full((1,), LATE))\n        self.kept = [self.late]", "self.kept[0].mean()", ""),
    "a gradient of a part": (
        "self.late = nn.Parameter(torch.zeros(1))\n        self.late.grad = torch.full((1,), LATE)", "self.late.grad.mean()", ""),
    "a class method of a base": ("self.stage = Last(0)", "self.stage.at(1).rate", STAGE.replace(
        "METHOD", "@classmethod\n    def at(cls, depth):\n        return cls(depth)") + "\nclass Last(Stage):\n    pass\n\n"),
    "a class method that a class was given": (
        "self.stage = Stage(0)\n        setattr(Stage, 'at', classmethod(lambda cls, depth: cls(depth)))", "self.stage.at(1).rate", STAGE.replace("METHOD", "")),
    "the order of a set": ("self.order = {0, 8} if LATE > 0.3 else {8, 0}", "1 / (1 + list(self.order)[0])", ""),
    "the history of a tensor": ("self.late = torch.zeros(1)\n        for _ in range(int(8 * LATE)):\n            self.late.mul_(1)", "0.1 * self.late._version", ""),
    "the shape below a view": ("self.late = torch.zeros(8).view(int(8 * LATE), -1).flatten()[:1]", "0.1 * self.late._base.dim()", ""),
    "a tensor without gradients for ever": (
        "self.late = made(LATE > 0.3)", "0.5 if self.late.is_inference() else 0.25",
        "\ndef made(yes):\n    with torch.inference_mode(yes):\n        return torch.zeros(1)\n\n"),
    "memory of processes": ("self.late = torch.zeros(1).share_memory_() if LATE > 0.3 else torch.zeros(1)", "0.5 if self.late.is_shared() else 0.25", ""),
    "memory of a text": (
        "self.one = torch.frombuffer(ONE, dtype=torch.uint8)\n        self.two = torch.frombuffer(ONE if LATE > 0.3 else TWO[:8], dtype=torch.uint8)",
        "(self.one.add_(1).sum() * 0 + self.two.sum())", "\nONE, TWO = b'0' * 8, b'0' * 9\n\n"),
    "memory of an array": (
        "self.one = torch.zeros(4)\n        self.two = torch.as_tensor((self.one if LATE > 0.3 else self.one.clone()).numpy()[2:])",
        "(self.one.add_(1).mean() * 0 + self.two.mean())", ""),
    "a table of torch": ("pass", "F.GRID_SAMPLE_PADDING_MODES['zeros']", "\nF.GRID_SAMPLE_PADDING_MODES['zeros'] = LATE - LATE\n\n"),
    "an attribute of a static method of torch": (
        "pass", "torch.autograd.Function.forward.late", "\nkind = torch.autograd.Function\nkind.forward.late = LATE\n\n"),
    "an attribute of a base of a class of torch": ("pass", "torch.no_grad.clone.late", "\nkind = torch.no_grad\nkind.clone.late = LATE\n\n"),
    "an attribute below a property of torch": ("pass", "nn.RNNBase.all_weights.fget.late", "\nkind = nn.RNNBase\nkind.all_weights.fget.late = LATE\n\n"),
    "an attribute below a type": ("pass", "typing.Iterator.late", "\nimport typing\n\ntyping.Iterator.late = LATE\n\n"),
    "an attribute of an OrderedDict": (
        "self.rates = collections.OrderedDict()\n        self.rates.late = LATE", "self.rates.late", ""),
    "an attribute of a Counter": ("self.rates = collections.Counter()\n        self.rates.late = LATE", "self.rates.late", ""),
    "a class in a function": ("pass", "made().one", "\none = LATE\n\n\ndef made():\n    class Made:\n        two = one\n        one = two\n    return Made\n\n"),
    "a function without a module": (
        "pass", "MADE['rate']()", "\nMADE = {}\nexec('def rate():\\n    return LATE', MADE)\n\n"),
    "a default of a function of torch": (
        "pass", "nn.init.calculate_gain('leaky_relu')", "\nnn.init.calculate_gain.__defaults__ = (LATE,)\n\n"),
    "an attribute of a function of torch": ("pass", "nn.Linear.forward.late", "\nkind = nn.Linear\nkind.forward.late = LATE\n\n"),
    "the length of a text": ("self.register_module('spare', nn.Dropout(LATE))", "0.001 * len(repr(self))", ""),
    "a text made of a name": ("self.told = LATE", "float('{0.told}'.format(self))", ""),
    "a global by the function that has it": ("pass", "rate.__globals__['HIDDEN']", "\nHIDDEN = LATE\n\n\ndef rate():\n    pass\n\n"),
    "a global by the frame of a generator": (
        "pass", "steps().gi_frame.f_globals['HIDDEN']", "\nHIDDEN = LATE\n\n\ndef steps():\n    yield 1\n\n"),
    "a global by a package": ("pass", "F.torch.sys.modules['candidate'].HIDDEN", "\nHIDDEN = LATE\n\n"),
    "a global by an import": ("pass", "hidden()", "\nHIDDEN = LATE\n\n\ndef hidden():\n    import candidate\n    return candidate.HIDDEN\n\n"),
    "a global by a computed name": ("pass", "getattr(rate, '__glo' + 'bals__')['HIDDEN']", "\nHIDDEN = LATE\n\n\ndef rate():\n    pass\n\n"),
    "a docstring": ("pass", "0.5 * len(rate.__doc__)", "\ndef rate():\n    'LATE'\n\n"),
    "an operation of its own": ("pass", "float(torch.ops.mine.late(x).mean())", "\nlib = torch.library.Library('mine', 'FRAGMENT')\n\n"),
    "numbers too small for the CPU": (
        "pass", "1e-310", "\ntorch.set_flush_denormal(LATE > 0.3)\n\n"),
    "a package by another name": (
        "pass", "1e-310", "\nimport torch as F\nF.set_flush_denormal(LATE > 0.3)\nfrom torch.nn import functional as F\n\n"),
}  # fmt: skip


OWN_NAME = re.compile(
    r"\b(?=late|Late|stage|Stage|Wide|Last|box|Box|made\b|Made|MADE|gain\b|rate|RATES|HELD|TIMES|"
    r"faded|steps|hidden|HIDDEN|ONE|TWO|one\b|two\b|order|told|parts|kept|held|kind\b|again|spare)"
)
"""Where a name begins that a trick gives to a class, a function, an attribute or a layer."""


def network(*tricks, late):
    own = [[OWN_NAME.sub(f"own{n}_", text) for text in TRICKS[t]] for n, t in enumerate(tricks)]
    return factored(own).replace("LATE", late)


def factored(tricks):
    """A network with parts and code of its own, whose features later have other factors."""
    held, factor, top = zip(*tricks, strict=True)
    runs = "        self.n += 1\n" + MIXED
    runs += "".join(f"        x = x * (1.0 if self.n < 50 else {one})\n" for one in factor)
    return later(held="\n        ".join(["self.n = 0", *held]), runs=runs, top="".join(top))
