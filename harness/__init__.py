"""Benchmark and reproducibility harness for LLM-guided evolution of neural networks.

``run`` runs arms and ``load`` loads what ran; both return ``Runs``, with frames, comparisons and
plots. The names in ``__all__`` are the public API, which ``docs/python.md`` describes. Importing
this package loads nothing else; each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.analysis.run_result import RunResult
    from harness.api.difference import Difference
    from harness.api.running import load, run
    from harness.api.study import Runs
    from harness.errors import HarnessError, InputError, MachineError, RecordError

__all__ = [
    "Difference",
    "HarnessError",
    "InputError",
    "MachineError",
    "RecordError",
    "RunResult",
    "Runs",
    "load",
    "run",
]
_MODULES = {
    "Difference": "harness.api.difference",
    "HarnessError": "harness.errors",
    "InputError": "harness.errors",
    "MachineError": "harness.errors",
    "RecordError": "harness.errors",
    "RunResult": "harness.analysis.run_result",
    "Runs": "harness.api.study",
    "load": "harness.api.running",
    "run": "harness.api.running",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
