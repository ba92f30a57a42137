"""What code that runs later can get at: by name, or otherwise. A door to torch."""

from dataclasses import dataclass, field

from torch import nn
from torch.optim import Optimizer

from harness.worker.behaviour.code_names import Uses

_BUILDERS = {"__init__", "__class__", "__new__", "type"}
"""Names by which later code may run a constructor that it does not name."""
_SAFE = {
    "__call__", "__class__", "__doc__", "__init__", "__module__", "__new__", "bfloat16", "cpu",
    "cuda", "double", "eval", "extra_repr", "float", "forward", "half", "requires_grad_", "to",
    "train", "training", "type",
}  # fmt: skip
"""Names of every module that give no part of it: by the others, code may reach what it does not
name. Tensors have some of the names, too."""
_DEFINED = {"__call__", "__init__", "__new__", "__repr__", "extra_repr", "forward"}
"""Methods of every module that a class may replace without a say in how its parts are reached."""
_OF_OPTIMIZER = {"defaults", "state", "param_groups"}


@dataclass(frozen=True)
class Reach:
    """What code that runs later can get at; at first, nothing is known, and all is written.

    Attributes:
        uses: What it uses by name.
        constructs: Whether it may run a constructor that it does not name.
        by_name: Whether it reads attributes of modules and objects by name alone, so that their
            names do not matter.
        all_parts: Whether it may use a part of a network that it does not name.
    """

    uses: Uses = field(default_factory=Uses)
    constructs: bool = False
    by_name: bool = False
    all_parts: bool = True


def reach_of(uses: Uses, *, by_name: bool, optimizer: Optimizer) -> Reach:
    """Return what code can get at.

    Args:
        uses: What the code uses by name.
        by_name: Whether all code of others that it uses reads attributes by name alone.
        optimizer: The network's optimizer.
    """
    plain = by_name and _gives_no_parts(uses)
    all_parts = not (plain and _leaves_the_rest_alone(optimizer))
    return Reach(uses=uses, constructs=constructs(uses), by_name=plain, all_parts=all_parts)


def constructs(uses: Uses) -> bool:
    """Return whether code with such names may run a constructor that it does not name."""
    return not uses.names.isdisjoint(_BUILDERS)


def _gives_no_parts(uses: Uses) -> bool:
    every = frozenset(dir(nn.Module))
    return uses.attributes & every <= _SAFE and uses.defined & every <= _DEFINED


def _leaves_the_rest_alone(optimizer: Optimizer) -> bool:
    """Return whether an optimizer ignores parameters without gradients, as torch's own do."""
    extra = (held for name, held in vars(optimizer).items() if name not in _OF_OPTIMIZER)
    plain = all(isinstance(held, (bool, str, type(None))) or held == {} for held in extra)
    return type(optimizer).__module__.startswith("torch.optim") and plain
