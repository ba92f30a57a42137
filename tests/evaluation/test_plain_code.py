"""What plain code may name is what it is taken for, in the installed version of torch."""

import ast
import importlib
import subprocess
import sys
import types

import pytest
import torch
from torch import nn

from harness.evaluation.behaviour.plain_code import _MEMBERS as MEMBERS
from harness.evaluation.behaviour.plain_code import _TORCH as TORCH
from harness.evaluation.behaviour.plain_code import imported

PLAIN = "import torch\nfrom torch import nn\n"
NOT_PLAIN = [
    "nn = 1", "import math as nn", "from torch import optim as nn", "def f(nn):\n    return 1",
    "def f():\n    global nn", "for nn in []:\n    f(1)", "class nn:\n    n = 1",
    "def f():\n    import math", "if n:\n    import math", "import math as __doc__", "import os",
    "import torch.jit", "from torch import jit", "from torch import *", "from . import nn",
    "from torch.nn import modules", "from warnings import warn", "torch.relu = 1", "del nn.ReLU",
    "torch.optim", "n = nn", "n = torch.nn", "n = torch.nn.modules", "n = torch._C", "n = torch.load",
    "async def f():\n    return 1", "match n:\n    case 1:\n        n = 2", "n = ['__dict__']",
    "n = f'{n}__dict__'", "n.__dict__", "def __getattr__(n):\n    return n", "class A:\n    __slots__ = ()",
    "def f(__n):\n    return 1", "f(__n=1)", "class A(metaclass=n):\n    n = 1", "n = vars()", "n = type(n)",
    "n = super", "def super():\n    return 1", "n = getattr(n, n)", "n = getattr(n)", "n = hasattr(*n, 'n')",
    "super(n).__init__()", "n.__init__()", "n.format(n)", "n.numpy()", "n.gi_frame", "n.f_globals",
    "nn.ParameterDict()", "class A(nn.ParameterDict):\n    n = 1", "nn.RNNBase._init_flat_weights(n)",
    "def _flat_weights_names(n):\n    return n._flat_weights_names", "n.all_weights", "n._evaluate({}, {})",
    "def f(n):\n    return n._late", "n = getattr(n, '_late')", "nn.functional.boolean_dispatch(n)",
    "from torch.nn.functional import has_torch_function", "torch.fft.common_args",
    "def f(n):\n    try:\n        yield n\n    finally:\n        n.late = 1",
    "def f(n):\n    with torch.no_grad():\n        yield n",
    "n = [*{0, 8}]", "for k in {0, 8, 16}:\n    n = k", "n = (1, {2}) in {3}", "n = {1, 2} == {2, 1}",
]  # fmt: skip


@pytest.mark.parametrize("code", NOT_PLAIN)
def test_code_that_may_get_at_code_is_not_plain(code):
    assert imported(ast.parse(PLAIN)) == {"torch": "torch", "nn": "torch.nn"}
    assert imported(ast.parse(f"{PLAIN}{code}\n")) is None


@pytest.mark.parametrize("code", [
    "import torch", "from torch.nn import functional as F", "from torch import Tensor, fft",
    "n = torch.nn.functional.relu(torch.fft.rfft(n))", "n.modules = n.functional",
    "class A(nn.Module):\n    def __init__(self):\n        super().__init__()", "n = getattr(n, 'late', 1)",
    "n = n in {1, 2} or n not in {'a', 'b'}",
    "n = {id(m) for m in n.modules() if isinstance(m, nn.Conv2d)}", "n = f'{n:.3f} of n'", "raise ValueError(n)",
    "class A(nn.Module):\n    def _init_weights(self, n):\n        self._late = n\n        self._init_weights(self._late)",
])  # fmt: skip
def test_what_networks_are_made_of_is_plain(code):
    assert imported(ast.parse(f"{PLAIN}{code}\n")) is not None


def test_layers_have_no_metaclass_and_hear_of_no_class():
    assert type(nn.Module) is type
    assert not {"__init_subclass__", "__class_getitem__", "__new__"} & set(vars(nn.Module))


LOADED = """
import sys, torch
print(*sys.modules)
"""


def test_what_plain_code_imports_is_loaded_with_torch():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert set(MEMBERS) <= {"__future__", *done.stdout.split()}


def test_plain_code_gets_no_module_from_another():
    for name, known in MEMBERS.items():
        members = vars(importlib.import_module(name))
        named = {member: value for member, value in members.items() if known.fullmatch(member)}
        assert named, name
        modules = {member for member, value in named.items() if isinstance(value, types.ModuleType)}
        assert not {member for member in modules if f"{name}.{member}" not in MEMBERS}, name


def test_plain_code_gets_classes_and_functions_of_torch_alone():
    homes = ("torch", "builtins", "math", "typing", "collections", "itertools", "functools", "copy")
    for name, known in MEMBERS.items():
        for member, value in vars(importlib.import_module(name)).items():
            if known.fullmatch(member) and callable(value):
                home = (getattr(value, "__module__", None) or "torch").lstrip("_")
                assert home.startswith(homes), (name, member, home)


def test_members_of_torch_are_spelled_as_torch_spells_them():
    missing = {name for name in TORCH.split() if not hasattr(torch, name)}
    assert not missing
