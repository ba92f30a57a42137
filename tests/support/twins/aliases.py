"""Pairs of networks that differ in orders of bases, in aliases, and in what torch is."""

from tests.support.twins.choices import CHOICE
from tests.support.twins.networks import MIXED, NETWORK, later

N = "self.n = 0\n        "
ANN = """
class Anneal:
    def train(self, mode=True):
        if mode:
            self.epoch += 1
            if self.epoch > 3:
                self.drop.p = 0.02
        return super().train(mode)

"""
MIXIN = later(held="self.epoch = 0", top=ANN).replace(
    "class Net(nn.Module)", "class Net(Anneal, nn.Module)"
)
OPT = NETWORK.replace(
    "\ndef get_optimizer(model",
    """
class Warm(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr, momentum=0.9)
        self.n = 0
        self.first = self.param_groups[0]

    def step(self, closure=None):
        self.n += 1
        if self.n == 50:
            self.first["momentum"] = 0.5
        return super().step(closure)


def get_optimizer(model""",
).replace(
    "torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)",
    "Warm(model.parameters(), lr)",
)
OPT3 = OPT.replace(
    "self.first = self.param_groups[0]", 'self.first = self.param_groups[0]["params"]'
).replace('self.first["momentum"] = 0.5', "del self.first[:3]")
OPT2 = NETWORK.replace(
    "    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)",
    """    head = {"params": list(model.head.parameters()), "lr": lr}
    body = {"params": list(model.mix.parameters()), "lr": lr}
    optimizer = torch.optim.SGD([head, body], momentum=0.9, weight_decay=weight_decay)
    head = optimizer.param_groups[0]
    steps = [0]

    def thaw(optimizer, args, kwargs):
        steps[0] += 1
        if steps[0] > 50:
            head["momentum"] = 0.5

    optimizer.register_step_post_hook(thaw)
    return optimizer""",
)
GROW = """
class Grow:
    def train(self, mode=True):
        if mode:
            self.epoch += 1
            if self.epoch == 4:
                self.mix = nn.Sequential(self.mix, nn.Conv2d(6, 6, 3, padding=1))
        return super().train(mode)

"""
GROWING = later(held="self.epoch = 0", top=GROW).replace(
    "class Net(nn.Module)", "class Net(Grow, nn.Module)"
)
TYPED = later(
    held="self.gate = Gate(6, True)\n        self.late = Type(self.gate)(6, False)",
    runs="        x = self.late(self.mix(x))\n",
    top=f"\nType._inst = True\n{CHOICE}",
).replace("import torch\n", "import torch\nfrom typing import Type\n", 1)
ANNOTATED = later(
    held="self.n = len(SEEN)",
    runs="        x = self.mix(x) * self.n\n",
    top="""
SEEN = []


def note(form, what):
    SEEN.append(what)


Optional._getitem = note


def dead(x: Optional[int]):
    return x

""",
).replace("import torch\n", "import torch\nfrom typing import Optional\n", 1)
PAIRS = {
    "typing.Type that builds": (TYPED, "nn.Linear(c, 7)", "nn.Linear(c, 8)"),
    "an annotation that acts": (ANNOTATED, "x: Optional[int]", "x: Optional"),
    "order of bases": (MIXIN, "class Net(Anneal, nn.Module)", "class Net(nn.Module, Anneal)"),
    "a group, or a copy": (OPT, "self.first = self.param_groups[0]", "self.first = dict(self.param_groups[0])"),
    "parameters of a group, or a copy": (OPT3, 'self.param_groups[0]["params"]', 'list(self.param_groups[0]["params"])'),
    "a group of a hook, or a copy": (OPT2, "head = optimizer.param_groups[0]", "head = dict(optimizer.param_groups[0])"),
    "a set, or a frozen one": (later(held=N+"self.seen = set([1])\n        self.first = self.seen", runs="        self.n += 1\n        if self.n > 50:\n            self.seen |= {self.n}\n        x = self.mix(x) * (1.0 if len(self.first) < 2 else 0.5)\n"), "set([1])", "frozenset([1])"),
    "arguments by place alone": (later(held=N, top="""
def rate(n, /, **more):
    return 1.0 if n < 50 else 0.5

""", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else rate(self.n, n=1))\n"), "rate(n, /, **more)", "rate(n, **more)"),
    "a global that is not defined": (later(held=N, top="""
LATE = None


def rate(n):
    print(f"{n}")
    try:
        return 0.5 if LATE is None else 0.25
    except Exception:
        return 0.1

""", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else rate(self.n))\n"), "LATE = None", "LATER = None"),
    "the class of super": (later(held=N+"self.go, self.c = Left.go, C()\n        del Left.go, Right.go", top="""
class Base:
    def rate(self):
        return 1.0


class Left(Base):
    def go(self):
        return super().rate()


class Right(Base):
    def rate(self):
        return 0.5

    def go(self):
        return super().rate()


class C(Left, Right):
    pass

""", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else self.go(self.c))\n"), "self.go, self.c = Left.go", "self.go, self.c = Right.go"),
    "the table of a set": (later(held=N+"self.s = set(range(1))", runs="        self.n += 1\n        if self.n > 50:\n            self.s.add(16)\n            self.s.add(8)\n        x = self.mix(x) * (1.0 if self.n < 50 else 1/list(self.s)[1])\n"), "set(range(1))", "set(range(1000))\n        for k in range(1, 1000):\n            self.s.discard(k)"),
    "a name that is imported twice": (later(held=N, top="""
from torch import set_flush_denormal as late
late(True)
from torch import relu as late

""", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else (torch.full((1,), 1e-300, dtype=torch.float64) * 1e-15 * 1e300 * 1e15).float())\n"), "late(True)", "late(False)"),
    "an annotation that runs": (later(held=N, top="""
class Call:
    def __getitem__(self, f):
        f(True)


CALL = Call()


def unused(x: CALL[torch.set_flush_denormal]):
    return x

""", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else 1e-310)\n"), "f(True)", "f(False)"),
    "a module by another name": (later(held=N+"self.late = Late()", top="""
__name__ = "torch.nn.modules.linear"


class Late(nn.Module):
    def forward(self, x):
        return x * 0.5


__name__ = "candidate"

""", runs="        self.n += 1\n        x = self.mix(x)\n        x = x if self.n < 50 else self.late(x)\n"), "x * 0.5", "x * 0.25"),
    "a generator that waits in a context": (later(held=N, top="""
def mode():
    with torch.autocast("cpu", dtype=torch.float16, enabled=False):
        yield


HELD = mode()
next(HELD)

""", runs="        self.n += 1\n        if self.n < 50:\n            return self.head(self.mix(x).mean(dim=(2, 3)))\n        with torch.autocast('cpu'):\n            x = self.mix(x)\n"), "dtype=torch.float16", "dtype=torch.bfloat16"),
    "an attribute of a type": (later(held=N, top="\nimport typing\n\ntyping.SupportsInt.late = 0.5\n\n", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else typing.SupportsInt.late)\n"),"= 0.5","= 0.25"),
    "how torch prints": (later(held=N, top="\ntorch.set_printoptions(precision=3)\n\n", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else len(str(x)))\n"),"precision=3","precision=7"),
    "names of arguments that the harness gives": (NETWORK.replace("\ndef get_optimizer(model", """
class Warm(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr, momentum=0.9)
        self.n = 0

    def zero_grad(self, accumulate=False, set_to_none=True):
        self.n += 1
        if accumulate and self.n > 50:
            return
        super().zero_grad(set_to_none)


def get_optimizer(model""").replace("torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)", "Warm(model.parameters(), lr)"),
"def zero_grad(self, accumulate=False, set_to_none=True):\n        self.n += 1\n        if accumulate and self.n > 50:\n            return\n        super().zero_grad(set_to_none)",
"def zero_grad(self, set_to_none=False, accumulate=True):\n        self.n += 1\n        if set_to_none and self.n > 50:\n            return\n        super().zero_grad(accumulate)"),
    "a table of parts, or a copy": (NETWORK.replace("        self.head = nn.Linear(6, class_num)\n","        self.head = nn.Linear(6, class_num)\n        self.act = nn.ReLU()\n        self.n = 0\n        self.table = self._modules\n").replace(MIXED,"        self.n += 1\n        if self.n == 50:\n            self.table['act'] = self.drop\n        x = self.act(self.mix(x))\n"),"self.table = self._modules","self.table = dict(self._modules)"),
    "a table of hooks, or a copy": (NETWORK.replace("        self.head = nn.Linear(6, class_num)\n","        self.head = nn.Linear(6, class_num)\n        self.n = 0\n        self.mix.register_forward_hook(half)\n        self.table = self.mix._forward_hooks\n").replace("class Net(","def half(m, a, r):\n    return r * 0.5\n\n\nclass Net(").replace(MIXED,"        self.n += 1\n        if self.n == 50:\n            self.table.clear()\n        x = self.mix(x)\n"),"= self.mix._forward_hooks","= dict(self.mix._forward_hooks)"),
    "order of bases, and a size": (GROWING, "class Net(Grow, nn.Module)", "class Net(nn.Module, Grow)"),
    "order of bases of an optimizer": (NETWORK.replace("\ndef get_optimizer(model", """
class Late:
    def zero_grad(self, set_to_none=True):
        self.n += 1
        if self.n % 4:
            super().zero_grad(set_to_none)


class Warm(Late, torch.optim.SGD):
    n = 0


def get_optimizer(model""").replace("torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)", "Warm(model.parameters(), lr)").replace("self.n % 4","self.n < 40"),
"Warm(Late, torch.optim.SGD)","Warm(torch.optim.SGD, Late)"),
    "counted changes of a tensor": (later(held=N+"self.kernel = self.mix.norm.weight.detach()", runs="        self.n += 1\n        x = self.mix(x)\n        if self.n % 50 == 0:\n            self.kernel.mul_(0.5)\n"),"norm.weight.detach()","norm.weight.data"),
    "a view that is counted": (later(held=N+"self.base = torch.ones(6)\n        self.first = self.base[:3]", runs="        self.n += 1\n        x = self.mix(x)\n        if self.n > 50:\n            self.base.detach_().fill_(1.0)\n            self.first.add_(x.mean())\n            x = x * self.base.mean()\n"),"self.first = self.base[:3]","self.first = self.base.data[:3]"),
    "memory of an array": (later(held=N+"self.late = torch.ones(1)", runs="        self.n += 1\n        x = self.mix(x)\n        if self.n == 50:\n            self.late.resize_(9)\n"),"torch.ones(1)","torch.from_numpy(torch.ones(1).numpy())"),
    "all groups, or a copy": (OPT.replace("self.first = self.param_groups[0]","self.groups = self.param_groups").replace('self.first["momentum"] = 0.5',"self.groups.pop()"), "self.groups = self.param_groups", "self.groups = list(self.param_groups)"),
    "a method of torch that is gone": (later(held=N+"self.late = nn.ReLU6()", top="\nkind = nn.ReLU6\ndel kind.extra_repr\n\n", runs="        self.n += 1\n        x = self.mix(x) * (1.0 if self.n < 50 else 0.05 * len(self.late.extra_repr()))\n"),"del kind.extra_repr","pass"),
    "a forward of torch that is gone": (later(held=N+"self.late = nn.Tanh()", top="\nkind = nn.Tanh\ndel kind.forward\n\n", runs="        self.n += 1\n        x = self.mix(x)\n        x = x if self.n < 50 else self.late(x)\n"),"del kind.forward","pass"),
    "order of bases of an object": (later(held=N+"self.rate = Rate()", top="""
class Fade:
    def step(self):
        self.n += 1
        return super().step()


class Flat:
    n = 0

    def step(self):
        return 1.0 if self.n < 50 else 0.5


class Rate(Fade, Flat):
    pass

""", runs=MIXED+"        x = x * self.rate.step()\n"),"Rate(Fade, Flat)","Rate(Flat, Fade)"),
}  # fmt: skip
