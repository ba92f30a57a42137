"""What evolution handles: evaluations, rejections, individuals, proposals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harness.evolution.genome import Genome
from harness.evolution.pareto import Objectives
from harness.sandbox.job import FAILURES, JobFailed


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Objectives of one genome under one training recipe."""

    score: float
    """Share of held-out images classified correctly, in [0, 1]."""
    n_params: int
    """Elements of all storage that the evaluated function reads; ``worker.size`` has the rule."""
    train_s: float
    """Wall time of training, in seconds; with ``keep_best`` that of scoring each epoch, too."""
    n_state: int | None = None
    """Elements of running statistics, which ``n_params`` leaves out; None where not recorded."""
    validation: float | None = None
    """Accuracy on the validation split of a network that was scored on test images."""
    flops: int | None = None
    """Operations per image; ``harness.worker.size`` has the rule. None as above."""

    @property
    def objectives(self) -> Objectives:
        """Score (up) and number of parameters (down)."""
        return Objectives(self.score, self.n_params)


CAUSES = MappingProxyType(
    {
        "extract": "the answer holds no code for the segment that was asked",
        "truncated": "the answer was cut off by the limit on its tokens",
        "duplicate": "the same network was proposed before",
        "outpaced": "others did better after as few epochs; a valid network that got no more",
        "cap": "more operations per example than allowed",
        **FAILURES,
    }
)
"""Why candidates are rejected, but for the kinds of the static gates (``evaluation.gates``): each
kind, and what it means. A failure of the machine is not among them: it is retried, and then ends
the command."""

MACHINE_DEPENDENT = frozenset({"timeout", "memory"})
"""Kinds that a limit of the machine decides, so that another machine may decide otherwise."""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Named refusal of one candidate: data, not an error."""

    gate: str
    """Where it was refused: a gate of ``validation``, ``extract``, ``train``, ``audit`` or
    ``fidelity``."""
    kind: str
    """Why, as one of ``evaluation.gates.KINDS``."""
    reason: str
    """One line, fit for a table and for the next prompt."""
    train_s: float | None = None
    """What an outpaced network was trained for, in seconds."""

    @property
    def machine_dependent(self) -> bool:
        """Whether another machine may decide otherwise."""
        return self.kind in MACHINE_DEPENDENT


Outcome = Evaluation | Rejection


def rejection_of(failure: JobFailed) -> Rejection:
    """Return the rejection of a candidate whose job failed: the gate is the job."""
    return Rejection(gate=failure.job, kind=failure.kind, reason=failure.reason)


CHARGED = ("train", "audit", "fidelity")
"""Gates behind which a network was trained: its evaluation is charged to the budget."""


def content_of(outcome: Outcome) -> dict[str, Any]:
    """Turn a fate into plain values for the record, those that are known."""
    return {name: value for name, value in vars(outcome).items() if value is not None}


def outcome_of(content: Mapping[str, Any]) -> Outcome:
    """Turn recorded values back into a fate."""
    return Rejection(**content) if "gate" in content else Evaluation(**content)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One application of an operator: what it changed, by which choices, with which LLM calls."""

    operator: str
    """``mutation``, ``eot`` or ``mating``."""
    segment: str
    """What it rewrote; ``several`` where it may rewrite any."""
    detail: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    """Steps of the LLM calls, as ``g1.c2.mating``."""


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
    def objectives(self) -> Objectives:
        """Score (up) and number of parameters (down)."""
        return self.evaluation.objectives
