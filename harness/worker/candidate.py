"""Candidate code in the worker: build its network, and turn what it raises into failures.

A door to torch.
"""

import re
import sys
import types
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from harness.sandbox.frames import FrameError
from harness.sandbox.messages import Candidate, Failure
from harness.tasks.kind import Kind
from harness.worker.graph import GraphError
from harness.worker.training import DivergedError

_REASON_CHARS = 300
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_OUT_OF_MEMORY = re.compile(
    "(can't|cannot) allocate memory|out of memory|ALLOC_FAILED|STATUS_NOT_INITIALIZED"
    "|unable to find an engine|unable to find a valid cuDNN|busy or unavailable",
    re.IGNORECASE,
)
"""What torch says of it on a CPU, and in many words on a GPU."""
_MEMORY = "ran out of its memory budget"

T = TypeVar("T")


class CandidateError(Exception):
    """The candidate fails.

    Attributes:
        kind: One of ``harness.sandbox.job.FAILURES``.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind

    def failure(self) -> Failure:
        """Return the message that reports it, in one printable line without addresses."""
        text = _ADDRESS.sub("0x...", str(self))  # they differ between runs; an LLM may see the text
        printable = "".join(c if c.isprintable() else " " for c in text)
        return Failure(kind=self.kind, reason=" ".join(printable.split())[:_REASON_CHARS])


_BUILT: list[tuple[nn.Module, torch.optim.Optimizer]] = []
"""All networks built in this process. None is freed before it ends, since a candidate's ``__del__``
may never return."""


def construct(
    candidate: Candidate, kind: Kind, *, device: str
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Execute a candidate's source and build its network and optimizer on the device.

    Raises:
        CandidateError: Any of it fails.
    """
    torch.manual_seed(candidate.seed)
    signature, recipe = candidate.signature, candidate.recipe
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    code = guarded("syntax", lambda: compile(candidate.source, "candidate.py", "exec"))
    guarded("import", lambda: exec(code, module.__dict__))  # noqa: S102

    def build() -> tuple[nn.Module, torch.optim.Optimizer]:
        network = getattr(module, signature.class_name)(*kind.arguments(signature))
        if not isinstance(network, nn.Module):
            raise TypeError(f"{signature.class_name} is not a torch.nn.Module")
        network.to(device=device)
        kind.lay_out(network)
        network(kind.blank(2, signature, device))
        kind.lay_out(network)  # parameters that got their shapes only now
        if not hasattr(module, "get_optimizer"):
            raise TypeError(
                "expected a function get_optimizer(model, lr, weight_decay, nesterov), found none"
            )
        optimizer = module.get_optimizer(network, recipe.lr, recipe.weight_decay, True)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError("get_optimizer did not return a torch.optim.Optimizer")
        _BUILT.append((network, optimizer))
        return network, optimizer

    return guarded("construct", build)


def check_answers(answers: Any, expected: tuple[int, ...], *, kind: Kind) -> None:
    """Check that a network's output is a float32 tensor of the expected shape.

    Raises:
        CandidateError: It is not.
    """
    if type(answers) is not torch.Tensor or tuple(answers.shape) != expected:
        got = tuple(answers.shape) if isinstance(answers, torch.Tensor) else type(answers).__name__
        raise CandidateError("shape", f"expected {kind.answers} of shape {expected}, got {got}")
    if answers.dtype != torch.float32:
        raise CandidateError("dtype", f"expected float32 {kind.answers}, got {answers.dtype}")


def guarded(kind: str, step: Callable[[], T]) -> T:
    """Run candidate code; all that it raises becomes a CandidateError, even SystemExit.

    Args:
        kind: Kind of failure, where the exception does not say more.
        step: Code to run.
    """
    try:
        return step()
    except (CandidateError, FrameError):
        raise
    except DivergedError as error:
        raise CandidateError("diverged", str(error)) from error
    except GraphError as error:
        if _OUT_OF_MEMORY.search(str(error)):
            raise CandidateError("memory", _MEMORY) from error
        raise CandidateError("audit", str(error)) from error
    except BaseException as error:
        name, text = _name_and_text(error)
        if issubclass(type(error), MemoryError) or _OUT_OF_MEMORY.search(text):
            raise CandidateError("memory", _MEMORY) from error
        raise CandidateError(kind, f"{name}: {text}{_line_of(error)}") from error


def _name_and_text(error: BaseException) -> tuple[str, str]:
    """Return an exception's type and text, which are the candidate's and may fail in turn."""
    try:
        return f"{type(error).__name__}", f"{error}"
    except BaseException:  # noqa: BLE001 - anything that it raises
        return "an exception", "that cannot be printed"


def _line_of(error: BaseException) -> str:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "candidate.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""
