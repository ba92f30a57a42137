"""Tasks as the worker sees them: how networks are built, trained and asked. A door to torch."""

from typing import Any, Protocol, cast

import torch
from torch import nn

from harness.config.tasks import KINDS, constant_of
from harness.sandbox.messages import Signature


class Kind(Protocol):
    """What networks of one task get and give. Stateless.

    A ``recipe`` is an instance of the task's ``RECIPE``.

    Attributes:
        answers: Name of a network's output in messages, such as ``logits``.
    """

    answers: str

    def arguments(self, signature: Signature) -> tuple[int, ...]:
        """Return the arguments that the network's class is built with."""
        ...

    def lay_out(self, network: nn.Module) -> None:
        """Change the memory layout of parameters, where another is faster."""
        ...

    def prepare(self, stored: torch.Tensor, recipe: Any) -> torch.Tensor:
        """Turn stored inputs, (n, ...), into what a network gets, on the same device."""
        ...

    def blank(self, n: int, signature: Signature, device: str) -> torch.Tensor:
        """Return n prepared inputs without content."""
        ...

    def random(self, n: int, signature: Signature, device: str) -> torch.Tensor:
        """Return n prepared inputs drawn from torch's global generator."""
        ...

    def labels(self, n: int, signature: Signature, device: str) -> torch.Tensor:
        """Return n labels drawn from torch's global generator."""
        ...

    def augment(self, inputs: torch.Tensor, recipe: Any, rng: torch.Generator) -> torch.Tensor:
        """Change prepared training inputs at random.

        Args:
            inputs: (n, ...) as ``prepare`` gives them.
            recipe: Which changes to make.
            rng: Generator on the inputs' device.
        """
        ...

    def answer_shape(self, signature: Signature) -> tuple[int, ...]:
        """Return the shape of a network's answer to one input."""
        ...

    def loss(self, answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean training loss of a batch."""
        ...

    def warm_up(self) -> tuple[nn.Module, torch.Tensor]:
        """Return a small network and inputs to evaluate it on before the worker's server forks.

        What is set up at the first use of its operations is then shared by all children.
        """
        ...


def kind_of(name: str) -> Kind:
    """Return the kind of the task of this name."""
    return cast("Kind", constant_of(name, "kind", "KIND"))


def kinds() -> list[Kind]:
    """Import and return all kinds: a confined process cannot read the harness's files any more."""
    return [kind_of(name) for name in KINDS]
