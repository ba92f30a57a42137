"""Pairs of networks that differ in late steps alone, by what these reach in many ways."""

from tests.support.twins.networks import LOOKAHEAD, MIXED, REBUILDS, later

N = "self.n = 0\n        "
COUNT = "        self.n += 1\n"
BUFFER = "self.register_buffer('late', torch.full((1,), 0.5))"


def switched(early, late, *, held="", top=""):
    """A network whose features are multiplied by one factor, and from some step on by another."""
    runs = f"{COUNT}        x = self.mix(x) * ({early} if self.n < 50 else {late})\n"
    return later(held=N + held, runs=runs, top=top)


def scaled(*, held="", top="", factor):
    return later(held=N + held, runs=f"{COUNT}        x = self.mix(x) * {factor}\n", top=top)


WARM = """
class Schedule:
    last = 0.5

    @staticmethod
    def rate(step):
        return 1.0 if step < 50 else 0.5


class Warm(Schedule):
    first = 1.0

"""
FUNCTION = """
class Base(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, n):
        ctx.n = n
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return (g if ctx.n < 50 else g * 0.5), None


class Clipped(Base):
    pass

"""
GROWN = """
class Grown(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


class Extra(Grown):
    pass

"""
META = """
class Meta(type):
    def rate(cls, n):
        return 1.0 if n < 50 else 0.5


class Plan(metaclass=Meta):
    pass

"""
PATCHED = """
import functools


@functools.wraps(F.relu)
def act(x, n):
    return F.relu(x) if n < 50 else x * 0.5


"""
FACTORY = """
def counter():
    n = 0

    def step():
        nonlocal n
        n += 1

    def rate():
        return 1.0 if n < 50 else 0.5

    return step, rate


ONE, TWO = counter(), counter()

"""
GLOBALS = """
ONE, TWO = 0, 0


def step():
    global ONE
    ONE += 1


def rate():
    return 1.0 if ONE < 50 else 0.5

"""
TABLE = """
LATE = {"late": lambda model, x: model.late(x)}

"""
KEYWORD = """
def rate(n, one=0.5, two=0.5):
    return 1.0 if n < 50 else one ** 2 * two

"""
SLOTS = """
class Cell:
    __slots__ = ('late', '__dict__')

    def __init__(self):
        self.late = 0.5

"""
SPARE = LOOKAHEAD.replace(
    "        self.head = nn.Linear(6, class_num)\n",
    "        self.head = nn.Linear(6, class_num)\n        self.spare = nn.Linear(9, 9)\n",
).replace(
    'self.slow = [p.detach().clone() for g in self.param_groups for p in g["params"]]', ""
).replace(
    'for p, slow in zip(self.param_groups[0]["params"], self.slow):\n                p.data = slow.lerp_(p.data, self.back)',
    'size = sum(p.norm() for p in self.param_groups[0]["params"])\n            for p in self.param_groups[0]["params"]:\n                p.data = p.data / size',
)  # fmt: skip
RATES = LOOKAHEAD.replace("p.data = slow.lerp_(p.data, self.back)", "p.data = p.data * p.rate").replace(
    "self.back, self.taken = back, 0", "self.taken = 0\n        for g in self.param_groups:\n            for p in g['params']:\n                p.rate = 0.5"
)  # fmt: skip

TOLD_APART = {
    "a static method of the base of a class that code names": (
        scaled(top=WARM, factor="Warm.rate(self.n)"), "else 0.5", "else 0.1"),
    "a constant of the base of a class that code names": (
        switched("Warm.first", "Warm.last", top=WARM), "last = 0.5", "last = 0.1"),
    "a gradient that a function inherits": (
        later(held=N, runs=COUNT + "        x = Clipped.apply(self.mix(x), self.n)\n", top=FUNCTION), "g * 0.5", "g * 0.1"),
    "a layer that is built later, by its base": (
        later(held=N, runs=COUNT + MIXED + "        x = Extra()(x) if self.n > 50 else x\n", top=GROWN), "torch.tanh", "torch.sin"),
    "a parameter of a computed name": (
        scaled(held="for k in range(64):\n            self.register_parameter(f'scale{k}', nn.Parameter(torch.full((1,), 1.0 if k < 63 else 5.0)))",
               factor="self.get_parameter(f'scale{int(torch.randint(64, ()))}')"), "else 5.0", "else 0.2"),
    "a buffer by get_buffer": (switched("1.0", "self.get_buffer('late')", held=BUFFER), "0.5", "0.1"),
    "a buffer by named_buffers": (switched("1.0", "dict(self.named_buffers())['late']", held=BUFFER), "0.5", "0.1"),
    "the first buffer": (switched("1.0", "next(self.buffers())", held=BUFFER), "0.5", "0.1"),
    "a layer by a lambda in a table": (
        later(held=N + "self.late = nn.Tanh()", runs=COUNT + MIXED + "        x = LATE['late'](self, x) if self.n > 50 else x\n", top=TABLE),
        "nn.Tanh", "nn.ReLU"),
    "a spare layer, by an optimizer of its own": (SPARE, "nn.Linear(9, 9)", "nn.Linear(9, 90)"),
    "an attribute of a parameter": (
        switched("1.0", "self.mix.conv.weight.late", held="self.mix.conv.weight.late = 0.5"), "late = 0.5", "late = 0.1"),
    "an attribute of parameters, by an optimizer of its own": (RATES, "p.rate = 0.5", "p.rate = 0.1"),
    "the list below a built-in method": (
        scaled(held="self.rate = ([1.0] * 50 + [0.5] * 9).pop", factor="self.rate(0)"), "[0.5]", "[0.1]"),
    "memory that two tensors share": (
        switched("1.0", "self.seen.mean()", held="self.seen = self.mix.norm.weight.data"), "weight.data", "weight.data.clone()"),
    "a counter that two closures share": (
        later(held="self.step, self.rate = ONE[0], ONE[1]", runs="        self.step() if x.any() else None\n        x = self.mix(x) * self.rate()\n", top=FACTORY),
        "ONE[1]", "TWO[1]"),
    "the global that counts": (
        later(runs="        step() if x.any() else None\n        x = self.mix(x) * rate()\n", top=GLOBALS), "if ONE", "if TWO"),
    "the names of arguments": (
        scaled(factor="rate(self.n, one=0.25)", top=KEYWORD), "one=0.5, two=0.5):\n    return 1.0 if n < 50 else one ** 2 * two",
        "two=0.5, one=0.5):\n    return 1.0 if n < 50 else two ** 2 * one"),
    "the names of arguments that a partial gives": (
        scaled(held="self.rate = functools.partial(rate, one=0.25)", factor="self.rate(self.n)", top=KEYWORD),
        "one=0.5, two=0.5):\n    return 1.0 if n < 50 else one ** 2 * two", "two=0.5, one=0.5):\n    return 1.0 if n < 50 else two ** 2 * one"),
    "keys of a dictionary that sounds of hooks": (
        scaled(held="self.hook_rates = {60: 0.5}", factor="self.hook_rates.get(self.n, 1.0)"), "{60", "{70"),
    "a dictionary that has a value for every key": (
        scaled(held="self.rates = collections.Counter(a=1)", factor="(1.0 if self.n < 50 else self.rates['b'])"),
        "collections.Counter", "collections.OrderedDict"),
}  # fmt: skip
REFLECTIVE = {
    "a class that code finds by its instance": REBUILDS.replace("Either(6, True)(x) if", "type(self)(6, True)(x) if"),
    "a method with a name of Python's": scaled(
        held="self.rate = ([1.0] * 50 + [0.5] * 9).__getitem__", factor="self.rate(min(self.n, 55))"),
    "an exception that code can read": scaled(
        factor="rate(self)", top="\n\ndef rate(x):\n    try:\n        return x.rate\n    except AttributeError as error:\n        return len(error.name)\n\n"),
    "a class that a function makes": switched(
        "1.0", "made().one", top="\none = two = 1.0\n\n\ndef made():\n    class Made:\n        one = 1.0\n    return Made\n\n"),
    "a function without a module": scaled(
        factor="rate(self.n)",
        top="\nMADE = {}\nexec('def rate(n):\\n    return 1.0 if n < 50 else 0.5', MADE)\nrate = MADE['rate']\n\n"),
    "a default of a function of torch": switched(
        "1.0", "nn.init.calculate_gain('leaky_relu')", top="\nnn.init.calculate_gain.__defaults__ = (None,)\n\n"),
    "a function that wraps one of torch": later(
        held=N, runs=COUNT + "        x = act(self.mix(x), self.n)\n", top=PATCHED),
    "a method of a metaclass": scaled(top=META, factor="Plan.rate(self.n)"),
    "a layer by __getattr__": later(
        held=N + "self.late = nn.Tanh()", runs=COUNT + MIXED + "        x = self.__getattr__('late')(x) if self.n > 50 else x\n"),
    "an attribute of a function of torch": switched("1.0", "F.dropout.late", top="\nF.dropout.late = 0.5\n\n"),
    "what a class of torch was given, by a layer derived from it": switched(
        "1.0", "self.late", top="\nnn.Module.late = 0.5\n\n"),
    "the same, by another name of the class": switched(
        "1.0", "self.late", top="\nkind = nn.Module\nkind.late = 0.5\n\n"),
    "a layer by attrgetter": later(
        held=N + "self.late = nn.Tanh()", top="\nimport operator\n\n",
        runs=COUNT + MIXED + "        x = operator.attrgetter('late')(self)(x) if self.n > 50 else x\n"),
    "a storage": switched("1.0", "float(torch.empty(0).set_(self.store)[1])",
                          held="self.store = torch.tensor([1.0, 0.5]).untyped_storage()"),
    "slots": switched("1.0", "self.cell.late", held="self.cell = Cell()", top=SLOTS),
    "a function by its place among the globals": later(
        held=N, runs=COUNT + MIXED + "        x = globals()[f'act{int(self.n > 50)}'](x)\n", top="\nact0, act1 = F.relu, F.silu\n\n"),
    "a variable of the environment": switched("1.0", "float(os.environ['LATE'])", top="\nimport os\n\nos.environ['LATE'] = '0.5'\n\n"),
    "a package that is imported late": later(
        held=N, runs=COUNT + MIXED + "        from operator import attrgetter\n        x = attrgetter('mix')(self)(x) if self.n > 50 else x\n"),
    "a tensor with a history": switched("1.0", "self.late", held="self.late = self.mix.conv.weight.mean() * 2"),
    "a hook of all modules": later(top="""
COUNT = []


def tame(module, args, out):
    COUNT.append(1)
    return out * 0.5 if len(COUNT) > 500 else None


nn.modules.module.register_module_forward_hook(tame)

"""),
    "a hook of all optimizers": later(top="""
from torch.optim.optimizer import register_optimizer_step_post_hook

register_optimizer_step_post_hook(lambda optimizer, args, kwargs: None)

"""),
    "a function put into torch": later(
        held=N, runs=COUNT + "        x = F.late(self.mix(x), self.n)\n",
        top="\nF.late = lambda x, n: x if n < 50 else x * 0.5\n\n"),
    "a method of torch replaced": later(
        top="\nTIMES = []\nnn.Conv2d.extra_repr = lambda self: TIMES.append(0) or str(len(TIMES))\n\n"),
    "a function in a list put into torch": later(
        held=N, runs=COUNT + "        x = F.late[0](self.mix(x), self.n)\n",
        top="\nF.late = [lambda x, n: x if n < 50 else x * 0.5]\n\n"),
}  # fmt: skip
"""Networks that get at their own code by other ways than its names, or change torch."""
