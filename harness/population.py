"""What evolution handles: evaluations, rejections, individuals, proposals."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.genome import Genome
from harness.models import Call


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Objectives of one genome under one training recipe."""

    accuracy: float
    """Share of held-out images classified correctly, in [0, 1]."""
    n_params: int
    """Elements of all distinct tensors that hold learned or fixed weights."""
    train_s: float
    """Wall time of training in the worker, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Named refusal of one candidate: data, not an error."""

    gate: str
    """Where it was refused: a gate of ``validation``, ``extract`` or ``train``."""
    reason: str
    """One line, fit for a table and for the next prompt."""
    machine_dependent: bool = False
    """A wall-clock or memory limit acted, so another machine may decide otherwise."""


Fate = Evaluation | Rejection


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One application of an operator: what it changed, by which choices, with which LLM call."""

    operator: str
    """``mutation``, ``eot`` or ``mating``."""
    segment: str
    detail: Mapping[str, str] = field(default_factory=dict)
    call: Call | None = None


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A child as proposed: its source, or the reason why no source came."""

    step: str
    """Unique key within the run, ``g2.c3``: generation 2, child 3."""
    parents: tuple[str, ...]
    """Steps of the parents; the seed's is ``seed``."""
    variations: tuple[Variation, ...]
    child: Genome | Rejection


@dataclass(frozen=True, kw_only=True)
class Individual:
    """A genome that was evaluated."""

    step: str
    genome: Genome
    evaluation: Evaluation

    @property
    def objectives(self) -> tuple[float, int]:
        """Accuracy (up) and number of parameters (down)."""
        return self.evaluation.accuracy, self.evaluation.n_params
