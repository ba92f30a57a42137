"""The digest of behaviour: equal where code that never acts differs, and nowhere else."""

import ast
import contextlib
import random
import re
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evaluation.behaviour.live_code import behaviour_of, live_code
from harness.evolution.candidate import is_charged
from harness.record.archive import read_archive
from harness.record.events import ChildDecided
from harness.sandbox.parser import MAX_SOURCE_BYTES
from tests.conftest import ROOT
from tests.support.twins import aliases, hidden, late, named
from tests.support.twins.choices import ACTS, CHOICE, CHOSEN, IN_PLACE, MADE, RATE, WIDE
from tests.support.twins.networks import (
    BRANCHES,
    COUNTED,
    DISTINCT,
    LOOKAHEAD,
    NETWORK,
    UNSHOWN,
    later,
)

ROOTS = ("Net", "get_optimizer")


def digest(source):
    """Return what is digested of a source that is known to parse, None for nothing."""
    tree = live_code(ast.parse(source), ROOTS)
    return tree and ast.dump(tree)


CONV = "nn.Conv2d(c, c, 3, padding=1)"
SAME = {
    "a class that is never built": (NETWORK, CONV, "nn.Conv2d(c, 9, 5)"),
    "a class that is not there": (NETWORK, NETWORK[NETWORK.index("class Block"):NETWORK.index("class Mix")], ""),
    "its name": (NETWORK, "Block", "Unused"),
    "a docstring": (NETWORK, '"""Plain momentum."""', '"""Words of __doc__."""'),
    "no docstring": (NETWORK, '    """Plain momentum."""\n', ""),
    "a comment": (NETWORK, "        x = self.mix(x)\n", "        # more\n        x = self.mix(x)\n"),
    "a statement that does nothing": (NETWORK, "        x = self.mix(x)\n", "        x = self.mix(x)\n        pass\n        ...\n"),
    "brackets": (NETWORK, "return y", "return (y)"),
    "a function that is never called": (NETWORK, "class Mix", "def rate(n: int, last=-1) -> float:\n    return n * last\n\n\nclass Mix"),
    "functions that call each other alone": (NETWORK, "class Mix", "def one():\n    two()\n\n\ndef two():\n    one()\n\n\nclass Mix"),
    "classes that derive from each other": (
        NETWORK, "class Mix", "class One(Block):\n    size: int = 1\n\n    @staticmethod\n    def forward(x: torch.Tensor | None = None):\n        return x\n\n\nclass Two(One):\n    pass\n\n\nclass Mix"),
    "an import and a constant": (NETWORK, "class Mix", "import math\nfrom typing import Optional\n\nLAST = (1, -2)\n\n\nclass Mix"),
    "code that only a class names that is never built": (NETWORK, CONV, "made(c)\n\n\ndef made(c):\n    return nn.Conv2d(c, c, 1)"),
    "a branch of a constructor": (CHOSEN, CONV, "nn.Linear(c, c)"),
    "a value that is not taken": (CHOSEN, "else Block(c)", "else Block(c, 7)"),
    "a value that a function does not take": (CHOSEN, "return Block(6)(x)", "return Block(7)(x)"),
    "a statement that is not run": (CHOSEN, "nn.Linear(c, 7)", "nn.Linear(c, 8)"),
    "beside code that counts steps": (COUNTED, CONV, "nn.Conv2d(c, 9, 5)"),
    "beside an optimizer of its own": (LOOKAHEAD, CONV, "nn.Conv2d(c, 9, 5)"),
    "in a constructor, beside code that branches": (BRANCHES, CONV, "nn.Conv2d(c, 9, 5)"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME.values(), ids=SAME)
def test_what_never_acts_makes_no_other_digest(case):
    source, before, after = case
    assert before in source
    other = source.replace(before, after)
    assert other != source
    assert digest(source) == digest(other) is not None


TWINS = DISTINCT | UNSHOWN | late.TOLD_APART | aliases.PAIRS
PAIRS = {
    name: (source, source.replace(before, after)) for name, (source, before, after) in TWINS.items()
}
PAIRS |= {
    name: (hidden.network(name, late="0.5"), hidden.network(name, late="0.25"))
    for name in hidden.TRICKS
}
del PAIRS["an operation of its own"]  # it has no twin
PAIRS |= {f"names: {name}": pair for name, pair in named.NAMED.items()}


def test_no_two_functions_have_one_digest():
    for name, (one, other) in PAIRS.items():
        found = digest(one), digest(other)
        assert None in found or found[0] != found[1], name


@settings(max_examples=20)
@given(tricks=st.lists(st.sampled_from(sorted(hidden.TRICKS)), min_size=2, max_size=3, unique=True))
def test_tricks_together_hide_nothing(tricks):
    one = digest(hidden.network(*tricks, late="0.5"))
    assert one is None or one != digest(hidden.network(*tricks, late="0.25"))


@pytest.mark.parametrize("way", ACTS)
def test_what_may_act_is_in_the_digest_or_there_is_none(way):
    """The same network without the way has the digest of its twin."""
    code = ACTS[way]
    more = {"Wide": WIDE, "Made": MADE}.get(re.split(r"\W", code)[0], "")
    source = later(
        held="self.gate = Gate(6, True)",
        runs=f"        x = self.gate(self.mix(x))\n        x = x if len(x) < 99 else {code}\n",
        top=CHOICE + RATE + more,
    )
    other = source.replace("else Block(c)", "else Block(c).half()").replace("(6)(x)", "(6)(x) * 2")
    assert digest(source.replace(code, "x").replace(more, "")) is not None
    assert digest(source) is None or digest(source) != digest(other)


@pytest.mark.parametrize("case", IN_PLACE.values(), ids=IN_PLACE)
def test_what_decides_something_is_in_the_digest_or_there_is_none(case):
    old, new, before, after = case
    assert old in CHOSEN
    source = CHOSEN.replace(old, new)
    assert before in source
    found = digest(source), digest(source.replace(before, after))
    assert None in found or found[0] != found[1]


WHOLE = {
    "an exception that code can read", "a class that a function makes",
    "an attribute of a function of torch", "what a class of torch was given, by a layer derived from it",
    "the same, by another name of the class", "a storage", "a tensor with a history",
    "a method of torch replaced",
}  # fmt: skip
"""What changes torch or is read late, and is compared by all of its code."""


def test_code_that_looks_at_itself_has_no_digest():
    assert {name for name, source in late.REFLECTIVE.items() if digest(source)} == WHOLE


def test_a_digest_has_as_many_characters_as_a_recorded_one():
    found = behaviour_of(NETWORK, ROOTS)
    assert re.fullmatch("[0-9a-f]{32}", found)
    assert found == behaviour_of(NETWORK.replace(CONV, "None"), ROOTS)
    assert behaviour_of(NETWORK.replace("F.relu", "F.silu"), ROOTS) not in {None, found}
    assert behaviour_of(NETWORK, (*ROOTS, "Block")) not in {None, found}
    assert behaviour_of(NETWORK + "\nprint(__name__)\n", ROOTS) is None


def test_a_number_too_long_to_print_has_no_digest():
    assert behaviour_of(f"{NETWORK}\nNet(0x{'f' * 9000})\n", ROOTS) is None


@pytest.mark.parametrize("deep", ["-" * 300 + "1", "+".join("1" * 900), "[" * 90 + "]" * 90])
def test_a_source_that_is_deeply_nested_has_a_digest_or_none(deep):
    source = f"{NETWORK}\nNet({deep})\n"
    with contextlib.suppress(ValueError):  # what the gate parse refuses never gets here
        assert behaviour_of(source, ROOTS) == behaviour_of(source.replace(CONV, "None"), ROOTS)


def test_classes_with_many_bases_take_little_time():
    names = "".join(
        f"class {one}{k + 1}(A{k}, B{k}):\n    n = 1\n\n" for k in range(40) for one in "AB"
    )
    first = "".join(f"class {one}0(nn.Module):\n    n = 1\n\n" for one in "AB")
    start = time.process_time()
    assert behaviour_of(f"{NETWORK}{first}{names}", ROOTS) == behaviour_of(NETWORK, ROOTS)
    assert time.process_time() - start < 30


def test_many_calls_of_a_function_with_many_arguments_take_little_time():
    names = ",".join(f"a{k}" for k in range(3000))
    links = "".join(f"def L{k}(q):\n    return L{k + 1}(1 if q else ())\n\n" for k in range(20))
    calls = ";".join(["Q()"] * 8000)
    source = (
        f"{NETWORK}\ndef Q({names}):\n    return 1\n\n{links}def never():\n    L0(1)\n    {calls}\n"
    )
    assert len(source) < MAX_SOURCE_BYTES
    start = time.process_time()
    assert behaviour_of(source, (*ROOTS, "never")) is not None
    assert time.process_time() - start < 60


@pytest.mark.parametrize("kept", ["g(b)", "(b := 1)"])
def test_nested_choices_take_little_time(kept):
    """In each round one choice is found, and each unknown one has all others within."""
    links = "".join(f"def L{k}(q):\n    return L{k + 1}(1 if q else 0)\n\n" for k in range(20))
    choices = f"{'(' * 100}g({'b,' * 25_000}{kept}){' if b else 0)' * 50}{' if 1 else 0)' * 50}"
    source = f"{NETWORK}\n{links}def L20(b):\n    return {choices}\n\n\ndef never():\n    L0(1)\n"
    assert len(source) < MAX_SOURCE_BYTES
    start = time.process_time()
    assert behaviour_of(source, (*ROOTS, "never")) is not None
    assert time.process_time() - start < 60


@pytest.mark.slow
def test_the_largest_sources_take_little_time():
    links = "".join(
        f"class L{k}(nn.Module):\n    def __init__(self, a):\n        super().__init__()\n"
        f"        self.b = L{k + 1}({k % 2}) if a else 1\n\n"
        for k in range(500)
    )
    source = NETWORK + links + "L0(1)\n"
    assert len(source) < MAX_SOURCE_BYTES
    start = time.process_time()
    behaviour_of(source, ROOTS)
    assert time.process_time() - start < 30


# What the code that is left computes


def built(source, seed=1):
    """Build a network from a source; return what it is and computes."""
    torch.manual_seed(seed)
    scope = {}
    exec(compile(source, "candidate", "exec"), scope)
    network = scope["Net"](4, 1)
    optimizer = scope["get_optimizer"](network, 0.1, 0.01, True)
    for _ in range(2):
        optimizer.zero_grad()
        network(torch.randn(3, 1, 8, 8)).square().mean().backward()
        optimizer.step()
    answer = network.eval()(torch.randn(2, 1, 8, 8))
    return list(network.state_dict()), torch.cat(
        [answer.flatten(), *map(torch.ravel, network.parameters())]
    )


def reduced(source):
    """Return the live code of a source, as a module that runs."""
    tree = live_code(ast.parse(source), ROOTS)
    assert tree is not None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.If)) and not node.body:
            node.body = [ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(tree))


DEAD = (
    "class A0(nn.Module):\n    def forward(self, x):\n        return A1()(x)\n\n\n"
    "class A1(A0):\n    width = 3\n",
    "def a2(x, n=3):\n    return a2(x, n - 1)\n",
    "A3 = 'A0'\n",
    "import math\n",
    "class Mix0(nn.Module):\n    '''x'''\n    def __init__(self, c: int):\n        self.c = c\n",
)
FLAGS = st.sampled_from(["True", "False", "0", "1", "None", "'late'"])


@settings(max_examples=6)
@given(
    calls=st.lists(FLAGS, min_size=1, max_size=2),
    default=FLAGS,
    seed=st.integers(0, 99),
)
def test_the_live_code_computes_the_same_with_any_dead_code(calls, default, seed):
    choice = CHOICE.replace("nn.Linear(c, 7)", "nn.Linear(c, 6)").replace(
        "wide=False", f"wide={default}"
    )
    held = "self.gates = nn.Sequential(" + ", ".join(f"Gate(6, {one})" for one in calls) + ")"
    source = later(held=held, runs="        x = chosen(self.gates(self.mix(x)))\n", top=choice)
    source = source.replace("import collections\nimport functools\nimport math\n", "")
    rng, parts = random.Random(seed), source.split("\n\n\n")
    for dead in DEAD:
        parts.insert(rng.randrange(1, len(parts) + 1), dead)
    other = "\n\n\n".join(parts)
    assert digest(source) == digest(other) is not None
    names, numbers = built(other)
    for one in (source, reduced(other), reduced(source)):
        assert built(one)[0] == names
        assert torch.equal(built(one)[1], numbers)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate")
@pytest.mark.parametrize("arm", ["full", "no_crp", "random_mutation"])
def test_the_live_code_of_recorded_networks_computes_the_same(arm):
    _, entries = read_archive(ROOT / "reproductions" / "quickstart" / f"{arm}-s0.zip")
    children = [one.event for one in entries if isinstance(one.event, ChildDecided)]
    sources = {one.source for one in children if is_charged(one.outcome, one.measured)}
    compared = 0
    for source in sources:
        plain = source.replace("ExquisiteNetV2", "Net").replace("nn.Dropout(0.5)", "nn.Identity()")
        if live_code(ast.parse(plain), ROOTS):
            found = built(plain), built(reduced(plain))
            assert found[0][0] == found[1][0]
            assert torch.equal(found[0][1], found[1][1])
            compared += 1
    assert compared > len(sources) / 2


def test_the_live_code_of_the_seed_network_is_the_seed_network(network):
    source = network.source.replace("ExquisiteNetV2", "Net")
    left = reduced(source)
    assert "class SE(" in source
    assert "class SE(" not in left
    assert digest(left) == digest(source)
    found = [built(one.replace("nn.Dropout(0.5)", "nn.Identity()")) for one in (source, left)]
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
