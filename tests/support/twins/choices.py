"""A network that chooses by arguments, ways to what it does not take, and what decides."""

from tests.support.twins.networks import later

CHOICE = """
class Gate(nn.Module):
    def __init__(self, c, plain, *, wide=False):
        super().__init__()
        self.inner = nn.Identity() if plain else Block(c)
        if wide:
            self.outer = Block(c)
        elif not plain:
            self.outer = nn.Linear(c, 7)

    def forward(self, x):
        return self.inner(x)


def chosen(x, late=False):
    return Block(6)(x) if late else x

"""
CHOSEN = later(
    held="self.gate = Gate(6, True)",
    runs="        x = chosen(self.gate(self.mix(x)))\n",
    top=CHOICE,
)
RATE = "\ndef rate():\n    return 0.5\n\n"
ACTS = {
    "a class by an attribute of its instance": "Gate(6, True).__class__(6, False)",
    "a class by type": "type(self.gate)(6, False)",
    "a constructor that runs again": "self.gate.__init__(6, False)",
    "a constructor by its class": "nn.Module.__init__(self.gate)",
    "a class as a value": "[Gate][0](6, False)",
    "a class below another": "Wide(6, False)",
    "a class method": "Made.at(6, False)",
    "arguments in a list": "Gate(*[6, False])",
    "arguments in a dictionary": "Gate(6, **{'plain': False})",
    "arguments of a function in a list": "chosen(*[x, True])",
    "arguments of a function in a dictionary": "chosen(x, **{'late': True})",
    "another call of a function": "chosen(x, True)",
    "another call": "Gate(6, False)",
    "another call by a keyword": "Gate(6, plain=False)",
    "an argument that varies": "Gate(6, self.training)",
    "a class in a table": "{'late': Gate}['late'](6, False)",
    "a class in a closure": "(lambda kind: kind(6, False))(Gate)",
    "a class by a name of the module": "globals()['Ga' + 'te'](6, False)",
    "a class by its module": "torch.sys.modules['candidate'].Gate(6, False)",
    "a class by a frame": "(n for n in [1]).gi_frame.f_globals['Gate'](6, False)",
    "a class by a text": "'{0.forward.__globals__}'.format(self)",
    "a class by a text that is put together": "('{0.forward.__glo' 'bals__}').format(self)",
    "a class by an attribute that is put together": "getattr(self, '_' + '_class_' + '_')",
    "a class by getattr with a list": "getattr(*[self, '_' + '_class_' + '_'], 'gate')",
    "a class by getattr, passed on": "list(map(getattr, [self], ['_' + '_class_' + '_']))",
    "a class by getattr of another name": "(lambda look: look(self, '_' + '_class_' + '_'))(getattr)",
    "classes below a class": "nn.Module.__subclasses__()[-1](6, False)",
    "the order of classes": "Gate.mro()",
    "code by a package": "torch.inspect.getsource(rate)",
    "code by a package of another name": "F.torch.inspect.getsource(rate)",
    "a package as a value": "[torch][0].inspect",
    "code that is compiled": "torch.compile(self.gate)",
    "code that is compiled, by a method": "self.gate.compile()",
    "code that is executed": "exec('Gate(6, False)')",
    "a docstring": "len(rate.__doc__)",
    "super of another class": "super(Wide, self.gate).__init__(6, False)",
}  # fmt: skip
WIDE = "\nclass Wide(Gate):\n    pass\n\n"
MADE = "\nclass Made(Gate):\n    @classmethod\n    def at(cls, *given):\n        return cls(*given)\n\n"
"""Expressions, most of which get at the code of the branch that no call takes."""
IN_PLACE = {
    "a branch that binds a variable": ("self.inner = nn.Identity() if plain else Block(c)", "if not plain:\n            c = 7\n        self.inner = nn.Identity()", "c = 7", "c = 8"),
    "a branch that yields": ("return Block(6)(x) if late else x", "return (yield Block(6)) if late else x", "Block(6)", "Block(7)"),
    "an argument that is bound again": ("super().__init__()\n        self.inner", "super().__init__()\n        plain = c < 7\n        self.inner", "else Block(c)", "else Block(c, 7)"),
    "an argument that is deleted": ("super().__init__()\n        self.inner", "super().__init__()\n        del plain\n        self.inner", "else Block(c)", "else Block(c, 7)"),
    "an argument of an inner function": ("nn.Identity() if plain else Block(c)", "(lambda plain: nn.Identity() if plain else Block(c))(c < 7)", "else Block(c)", "else Block(c, 7)"),
    "a constructor with a decorator": ("    def __init__(self, c, plain, *, wide=False):", "    @other\n    def __init__(self, c, plain, *, wide=False):", "else Block(c)", "else Block(c, 7)"),
    "two constructors": ("    def forward(self, x):\n        return self.inner(x)\n\n\ndef chosen", "    def made(self):\n        return self.inner\n\n    if True:\n        def __init__(self, c, plain):\n            pass\n\n\ndef chosen", "else Block(c)", "else Block(c, 7)"),
    "another base": ("class Gate(nn.Module)", "class Gate(nn.Sequential)", "else Block(c)", "else Block(c, 7)"),
    "a default that is not constant": ("late=False", "late=torch.rand(1)", "Block(6)(x)", "Block(7)(x)"),
    "a function with a decorator": ("def chosen", "@other\ndef chosen", "Block(6)(x)", "Block(7)(x)"),
    "super of its own": ("def chosen", "def super():\n    return 1\n\n\ndef chosen", "else Block(c)", "else Block(c, 7)"),
    "a name that is bound twice": ("def chosen", "def chosen(x):\n    return x\n\n\ndef chosen", "Block(6)(x)", "Block(7)(x)"),
    "a decorator that keeps": ("class Gate", "@kept\nclass Seen:\n    last = 1\n\n\nclass Gate", "last = 1", "last = 2"),
    "a default that is called": ("class Gate", "def seen(n=kept(1)):\n    pass\n\n\nclass Gate", "kept(1)", "kept(2)"),
    "an annotation that is called": ("class Gate", "def seen(n: kept(1)):\n    pass\n\n\nclass Gate", "kept(1)", "kept(2)"),
    "a base that keeps": ("class Gate", "class Seen(kept(1)):\n    pass\n\n\nclass Gate", "kept(1)", "kept(2)"),
    "a base of torch that keeps": ("class Gate", "class Seen(torch.Tensor):\n    last = 1\n\n\nclass Gate", "last = 1", "last = 2"),
    "a body that runs": ("class Gate", "class Seen:\n    last = kept(1)\n\n\nclass Gate", "kept(1)", "kept(2)"),
    "a method with a decorator": ("class Gate", "class Seen:\n    @kept\n    def last(self, n=1):\n        pass\n\n\nclass Gate", "n=1", "n=2"),
    "a decorator under the name of a builtin": ("class Gate", "def staticmethod(f):\n    return kept(f)\n\n\nclass Seen:\n    @staticmethod\n    def last(self, n=1):\n        pass\n\n\nclass Gate", "n=1", "n=2"),
    "a class that hears of classes": ("class Gate", "class Ears:\n    def __init_subclass__(cls):\n        kept(cls)\n\n\nclass Seen(Ears):\n    last = 1\n\n\nclass Gate", "last = 1", "last = 2"),
    "a metaclass": ("class Gate", "class Seen(metaclass=kept):\n    last = 1\n\n\nclass Gate", "last = 1", "last = 2"),
    "a class that builds classes": ("class Gate", "class Seen(type):\n    last = 1\n\n\nclass Gate", "last = 1", "last = 2"),
    "a constant that a name of a text reads": ("nn.Identity() if plain", "getattr(self, 'LAST') if plain", "\nclass Gate", "\nLAST = 1\n\n\nclass Gate"),
    "a function of the name of a builtin": ("return Block(6)(x) if late else x", "return x * len(x)", "\nclass Gate", "\ndef len(x):\n    return 1\n\n\nclass Gate"),
    "a function of Python's own": ("return Block(6)(x) if late else x", "return x * 1", "\nclass Gate", "\ndef __getattr__(name):\n    return 1\n\n\nclass Gate"),
}  # fmt: skip
"""Changes of the network, each with a part that then decides something, and its twin."""
