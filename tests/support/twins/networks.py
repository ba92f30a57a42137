"""A small network, and pairs of networks that differ in what they compute or learn.

A pair is a source, a part of it, and what takes the place of the part in the other network.
"""

NETWORK = '''import torch
from torch import nn
from torch.nn import functional as F


def get_optimizer(model, lr, weight_decay, nesterov):
    """Plain momentum."""
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)


class Block(nn.Module):
    """Never built."""

    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


class Mix(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(cout, momentum=0.1)

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        return y


class Net(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = Mix(img_channels, 6)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(6, class_num)

    def forward(self, x):
        x = self.mix(x)
        return self.head(self.drop(x.mean(dim=(2, 3))))
'''
COUNTS_STEPS = """
    def forward(self, x):
        if self.training:
            self.steps = getattr(self, "steps", 0) + 1
        y = F.relu(self.norm(self.conv(x)))
        return y if getattr(self, "steps", 0) < 500 else F.silu(y)
"""
COUNTED = NETWORK.replace(
    """
    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        return y
""",
    COUNTS_STEPS,
)
LOOKAHEAD = NETWORK.replace(
    """
def get_optimizer(model""",
    """
class Lookahead(torch.optim.SGD):
    def __init__(self, params, lr, back=0.5):
        super().__init__(params, lr=lr)
        self.back, self.taken = back, 0
        self.slow = [p.detach().clone() for g in self.param_groups for p in g["params"]]

    def step(self, closure=None):
        super().step(closure)
        self.taken += 1
        if self.taken % 50 == 0:
            for p, slow in zip(self.param_groups[0]["params"], self.slow):
                p.data = slow.lerp_(p.data, self.back)


def get_optimizer(model""",
).replace("torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)",
          "Lookahead(model.parameters(), lr)")  # fmt: skip
HELPED = NETWORK.replace("        self.drop =", "        self.every = Every(7)\n        self.drop =").replace(
    "x = self.mix(x)\n", "x = self.mix(x) * self.every()\n").replace("class Mix(", """class Every:
    def __init__(self, power):
        self.n, self.power = 0, power

    def __call__(self):
        self.n += 1
        return 1.0 if self.n % 500 else 0.5 ** self.power


class Mix(""")  # fmt: skip
HELD = NETWORK.replace("        self.drop =", "        self.act = act\n        self.drop =").replace(
    "x = self.mix(x)\n", "x = self.act(self.mix(x))\n").replace("class Mix(", """STEPS = []


def act(x):
    STEPS.append(0)
    return x if len(STEPS) < 500 else F.relu(x)


class Mix(""")  # fmt: skip
CHOSEN = NETWORK.replace("        self.drop =", "        self.register_buffer('n', torch.zeros(()))\n        self.drop =").replace(
    "x = self.mix(x)\n", "x = [F.relu, F.silu][int(self.n.add_(1) > 500)](self.mix(x))\n")  # fmt: skip
DEPTH = NETWORK.replace(
    "        x = self.mix(x)\n",
    """        x = self.mix(x)
        if self.training and torch.rand(()) < 0.1:
            x = x * 0
""",
)
RADAM = NETWORK.replace(
    "SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)",
    "RAdam(model.parameters(), lr=lr, betas=(0.9, 0.999))",
)
BRANCHES = NETWORK.replace(
    """class Net(nn.Module):""",
    """class Either(nn.Module):
    def __init__(self, c, wide):
        super().__init__()
        self.inner = Block(c) if wide else nn.Identity()

    def forward(self, x):
        return self.inner(x) if x.mean() > 1e9 else x


class Net(nn.Module):""",
).replace(
    "self.mix = Mix(img_channels, 6)",
    "self.mix = nn.Sequential(Mix(img_channels, 6), Either(6, False))",
)
REBUILDS = BRANCHES.replace("else x\n", "else Either(6, True)(x) if x.mean() < -1e9 else x\n")
HOOKED = NETWORK.replace(
    """class Net(nn.Module):""",
    """CALLS = []


def later(module, inputs, result):
    CALLS.append(1)
    return result * 2 if len(CALLS) > 100 else result


class Net(nn.Module):""",
).replace(
    "        self.drop =", "        self.mix.register_forward_hook(later)\n        self.drop ="
)
STATEFUL = """
import collections
import functools
import math


class Net(nn.Module):"""
MIXED = "        x = self.mix(x)\n"


def later(*, held="", runs=MIXED, top=""):
    """The network with more in its constructor, its evaluation and its module."""
    source = NETWORK.replace("        self.drop =", f"        {held}\n        self.drop =")
    return source.replace(MIXED, runs).replace("\nclass Net(nn.Module):", top + STATEFUL)


BUFFER = "self.register_buffer('n', torch.zeros((), dtype=torch.long))"
AFTER = (
    "\nN = []\n\n\ndef limited(g):\n    N.append(1)\n    return g if len(N) < 100 else g * 0.5\n\n"
)
PATHS = (
    "self.paths = nn.ModuleList([nn.ReLU(), nn.ELU(), nn.SiLU(), nn.GELU(), nn.Tanh(), nn.Mish()])"
)
SHARED_LIST = LOOKAHEAD.replace(
    "self.back, self.taken = back, 0", "self.back, self.taken = back, 0\n        self.a = []\n        self.b = self.a"
).replace("self.taken += 1", "self.taken += 1\n        self.a.append(1)").replace("self.taken % 50 == 0", "len(self.b) % 50 == 49")  # fmt: skip
TWO_ACTS = later(
    held="self.n = [0]\n        self.mix.one, self.mix.two = nn.ReLU(), nn.Tanh()",
    runs="        self.n[0] += 1\n        x = self.mix(x) if self.n[0] < 500 else self.mix.one(x)\n",
).replace("F.relu(self.norm(self.conv(x)))", "self.two(self.one(self.norm(self.conv(x))))")
TWO_TWIN = TWO_ACTS.replace("self.mix.one, self.mix.two =", "self.mix.two, self.mix.one =").replace(
    "self.two(self.one(", "self.one(self.two("
)
SET_LATER = later(
    held="self.extra = nn.ReLU()", runs="        self.n = 1\n        x = self.mix(x)\n"
).replace(
    "class Net(nn.Module):\n",
    """class Net(nn.Module):
    @property
    def gone(self):
        return 0

    @gone.setter
    def gone(self, value):
        self.extra(value)

    @gone.deleter
    def gone(self):
        print(1)

""",
)
UNSHOWN = {
    "whether two names hold one list": (SHARED_LIST, "self.b = self.a", "self.b = []"),
    "which layer another object finds by name": (TWO_ACTS, TWO_ACTS, TWO_TWIN),
    "a layer that only a setter uses": (SET_LATER, "nn.ReLU()", "nn.Tanh()"),
    "what a deleter does": (SET_LATER, "print(1)", "print(2)"),
    "a counter in a buffer": (
        later(held=BUFFER, runs="        self.n.add_(1)\n        x = self.mix(x) * max(0.1, 1 / math.sqrt(self.n))\n"),
        "max(0.1", "max(0.2"),
    "a depth from a buffer": (
        later(held=BUFFER, runs=f"        self.n.add_(1)\n{MIXED}        for _ in range(min(3, self.n // 100)):\n            x = torch.tanh(x)\n"),
        "torch.tanh", "torch.sin"),
    "an index from a buffer": (
        later(held=BUFFER, runs=f"{MIXED}        x = x * [1.0, 0.5][min(1, int(self.n.add_(1)) // 100)]\n"), "0.5]", "0.25]"),
    "a counter in a dictionary": (
        later(held="self.seen = {'n': 0}",
              runs="        self.seen.update(n=self.seen['n'] + 1)\n        x = self.mix(x) * max(0.1, 1 - self.seen['n'] / 1000)\n"),
        "max(0.1", "max(0.5"),
    "a queue": (later(held="self.rates = collections.deque([0.0] * 40 + [0.5] * 1000)",
                      runs="        x = F.dropout(self.mix(x), self.rates.popleft(), self.training)\n"),
                "[0.5] * 1000", "[0.9] * 1000"),
    "a hook of a gradient": (later(held="self.mix.conv.weight.register_hook(limited)", top=AFTER), "g * 0.5", "g * 0.1"),
    "a hook of an accumulated gradient": (
        later(held="self.mix.conv.weight.register_post_accumulate_grad_hook(after)",
              top=AFTER + "\ndef after(p):\n    p.grad = limited(p.grad)\n\n"),
        "g * 0.5", "g * 0.1"),
    "an argument of a partial": (
        later(held="self.mix.register_forward_hook(functools.partial(faded, 0.1))",
              top="\nN = []\n\n\ndef faded(scale, module, inputs, result):\n    N.append(1)\n    return result * max(scale, 1 - len(N) / 100)\n\n"),
        "faded, 0.1", "faded, 0.2"),
    **{f"path {path} of those drawn": (
        later(held=PATHS, runs="        x = self.paths[torch.randint(6, ())](self.mix(x))\n"), path, "nn.Softsign")
       for path in ("nn.ReLU", "nn.ELU", "nn.SiLU", "nn.GELU", "nn.Tanh", "nn.Mish")},
}  # fmt: skip
DISTINCT = {
    "the order of a set, which is that of an equal one in code that never acts": (
        NETWORK.replace("class Mix", "def unused(x):\n    return x in {8, 0}\n\n\nclass Mix").replace(
            "        self.drop = nn.Dropout(0.2)\n",
            "        for n in {0, 8}:\n            self.drop = nn.Dropout(n / 10)\n"),
        "{8, 0}", "{0, 8}"),
    "a dead branch of the graph": (NETWORK, "        x = self.mix(x)\n",
                                   "        x = self.mix(x)\n        unused = torch.sigmoid(x) * 3\n"),
    "a dead change in place": (NETWORK, "        x = self.mix(x)\n",
                               "        x = self.mix(x)\n        unused = x * 2\n        unused.mul_(3)[0].zero_()\n"),
    "another view of the same memory": (
        NETWORK, "x = self.mix(x)\n", "x = self.mix(x).permute(0, 2, 3, 1).permute(0, 3, 1, 2)\n"),
    "a dead read of a layer": (
        NETWORK.replace("        self.head = nn.Linear(6, class_num)\n",
                        "        self.head = nn.Linear(6, class_num)\n        self.spare = nn.Linear(64, 9)\n"),
        "        x = self.mix(x)\n", "        unused = self.spare(x.flatten(1))\n        x = self.mix(x)\n"),
    "a class that later code may build": (REBUILDS, "nn.Conv2d(c, c, 3, padding=1)", "nn.Conv2d(c, 6, 3, padding=1, bias=False)"),
    "a hook that acts from the hundredth call on": (HOOKED, "result * 2", "result * 3"),
    "momentum": (NETWORK, "momentum=0.9,", "momentum=0.91,"),
    "weight decay, by a millionth": (NETWORK, "=weight_decay)", "=weight_decay * 1.000001)"),
    "rate": (NETWORK, "lr=lr,", "lr=lr * 1.0001,"),
    "an optimizer": (NETWORK, "optim.SGD(model.parameters(), lr=lr, momentum=0.9,",
                     "optim.AdamW(model.parameters(), lr=lr,"),
    "a setting that shows after five steps": (RADAM, "0.999", "0.99"),
    "which parameters decay": (NETWORK, "model.parameters()", "model.head.parameters()"),
    "an initialisation": (NETWORK, "        self.drop =",
                          "        nn.init.kaiming_normal_(self.mix.conv.weight)\n        self.drop ="),
    "the initial running variance": (NETWORK, "        self.drop =",
                                     "        self.mix.norm.running_var.fill_(2)\n        self.drop ="),
    "the rate of dropout": (NETWORK, "Dropout(0.2)", "Dropout(0.2000001)"),
    "an activation": (NETWORK, "F.relu", "F.silu"),
    "an activation in training alone": (NETWORK, "return y", "return y if not self.training else F.silu(y)"),
    "momentum of batch normalisation": (NETWORK, "momentum=0.1)", "momentum=0.11)"),
    "epsilon of batch normalisation": (NETWORK, "momentum=0.1)", "momentum=0.1, eps=1.1e-5)"),
    "order of construction": (
        NETWORK, "        self.mix = Mix(img_channels, 6)\n        self.drop = nn.Dropout(0.2)\n        self.head = nn.Linear(6, class_num)\n",
        "        self.head = nn.Linear(6, class_num)\n        self.mix = Mix(img_channels, 6)\n        self.drop = nn.Dropout(0.2)\n"),
    "a frozen layer": (NETWORK, "        self.drop =", "        self.mix.conv.weight.requires_grad_(False)\n        self.drop ="),
    "a scaled gradient": (NETWORK, "        self.drop =", "        self.mix.conv.weight.register_hook(lambda g: g * 1.01)\n        self.drop ="),
    "a constant that equals the size of a batch": (
        NETWORK.replace("self.mix(x)", "self.mix(x) * x.shape[0]"), "x.shape[0]", "4"),
    "rate of stochastic depth, by a draw in Python": (DEPTH, "< 0.1", "< 0.11"),
    "what happens from the five hundredth step on": (COUNTED, "< 500", "< 501"),
    "the same, as a default": (
        COUNTED.replace("self, x):\n        if", "self, x, last=500):\n        if").replace("< 500", "< last"),
        "last=500", "last=501"),
    "the same, as a global": ("LAST = 500\n" + COUNTED.replace("< 500", "< LAST"), "LAST = 500", "LAST = 501"),
    "the same, as an attribute of the class": (
        COUNTED.replace("class Mix(nn.Module):", "class Mix(nn.Module):\n    last = 500\n").replace("< 500", "< self.last"),
        "last = 500", "last = 501"),
    "the same, as an attribute": (
        COUNTED.replace("        self.norm", "        self.last = 500\n        self.norm").replace("< 500", "< self.last"),
        "self.last = 500", "self.last = 501"),
    "the same, in an object that it holds": (HELPED, "% 500", "% 501"),
    "the same, as a value of that object": (HELPED, "Every(7)", "Every(8)"),
    "the same, in a function that it holds": (HELD, "< 500", "< 501"),
    "what is chosen by the value of a tensor": (CHOSEN, "F.silu", "F.gelu"),
    "what an optimizer does at the fiftieth step": (LOOKAHEAD, "% 50", "% 51"),
    "how far an optimizer goes back at the fiftieth step": (LOOKAHEAD, "back=0.5", "back=0.4"),
    "the same, as an argument": (LOOKAHEAD, "model.parameters(), lr)", "model.parameters(), lr, 0.4)"),
    "one more pass through a normalisation that keeps statistics": (
        NETWORK, "        x = self.mix(x)\n", "        unused = self.mix(x * 3)\n        x = self.mix(x)\n"),
}  # fmt: skip
