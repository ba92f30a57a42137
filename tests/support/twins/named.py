"""Pairs of networks whose late steps depend on names of classes and arguments."""

import re

from tests.support.twins.hidden import factored

CLASS = """
class Stage(nn.Module):
    def forward(self, x):
        return x


class Words:
    def __init__(self):
        self.n = 1

    def write(self, text):
        self.n += len(text)


def printed(value):
    words = Words()
    print(value, file=words)
    return 1 / words.n

"""
GRADIENT = """
class Stage(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x / len(ctx.name())

    @staticmethod
    def backward(ctx, g):
        return g

"""
TWINS = """
class Rate:
    late = 0.5


one = Rate


class Rate:
    late = 0.25


two = Rate

"""
RATE = """
def rate(one=0.5, two=0.25):
    return one * 2 + two

"""
ENCODED = """
class Layer(nn.Module):
    def forward(self, src, src_mask=None, other=None, **more):
        return src if src_mask is None else src * 0.5

"""


def told(factor, *, held="self.stage = Stage()", top=CLASS):
    """A network whose later steps depend on the name of a class, and its twin."""
    source = factored([(held, factor, top)])
    return source, re.sub(r"\bStage\b", "LongerStage", source)


def spelled(factor, *, held="pass"):
    """A network whose later steps depend on the names of arguments, and its twin."""
    source = factored([(held, factor, RATE)])
    return source, source.replace(
        "one=0.5, two=0.25):\n    return one * 2 + two",
        "two=0.5, one=0.25):\n    return two * 2 + one",
    )


def between(one, two, *, held, factor, top):
    source = factored([(held, factor, top)])
    return source.replace("EITHER", one), source.replace("EITHER", two)


NAMED = {
    "text": told("1 / len(str(self.stage))"),
    "an f-string": told("1 / len(f'{self.stage}')"),
    "percent": told("1 / len('%s' % self.stage)"),
    "a computed percent": told("1 / len('as'.translate({97: 37}) % self.stage)"),
    "text of another class": told("1 / len(collections.UserString(self.stage))"),
    "text by another name": told("1 / len(typing.Text(self.stage))", top="\nimport typing\n" + CLASS),
    "text by an attribute": told("1 / len(self.text(self.stage))", held="self.stage, self.text = Stage(), str"),
    "texts": told("1 / len(next(map(str, [self.stage])))"),
    "a print": told("printed(self.stage)"),
    "the name of a module": told("1 / len(self.stage._get_name())"),
    "the name of a gradient": told("Stage.apply(x).mean()", held="pass", top=GRADIENT),
    "classes of one name": between(
        "one", "two", held="self.parts = [one(), two()]\n        self.part = EITHER()", factor="self.part.late", top=TWINS),
    "arguments": spelled("rate(one=0.1)"),
    "arguments of a dictionary": spelled("rate(**{'o' + 'ne': 0.1})"),
    "arguments of a computed name": spelled("rate(**{'eno'[::-1]: 0.1})"),
    "arguments of a partial function": spelled("self.rate()", held="self.rate = functools.partial(rate, **{'eno'[::-1]: 0.1})"),
    "arguments that torch gives": between(
        "src_mask=None, other=None", "other=None, src_mask=None", held="self.coder = nn.TransformerEncoder(Layer(), 1, enable_nested_tensor=False)",
        factor="self.coder(x[None, None], mask=torch.zeros(1)).mean()", top=ENCODED.replace("src_mask=None, other=None", "EITHER")),
}  # fmt: skip
