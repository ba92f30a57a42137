"""Candidates of a search: proposals, their outcomes (evaluations, rejections), individuals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harness.evolution.genome import Genome
from harness.evolution.pareto import Objectives
from harness.sandbox.job import FAILURES, JobFailed
from harness.text import reason_of


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Objectives of one genome under one training recipe."""

    score: float
    """Score on held-out examples; higher is better."""
    n_params: int
    """Elements of all storage that the evaluated function reads, as ``worker.size`` counts."""
    train_s: float
    """Wall time of training, in seconds; with ``keep_best`` including the scoring of epochs."""
    n_state: int | None = None
    """Elements of running statistics, which ``n_params`` excludes; None if not recorded."""
    validation: float | None = None
    """Score on the validation split of a network that was scored on the test split."""
    flops: int | None = None
    """Operations per example, as ``worker.size`` counts; None if not recorded."""

    @property
    def objectives(self) -> Objectives:
        """Score (up) and number of parameters (down)."""
        return Objectives(self.score, self.n_params)


CAUSES = MappingProxyType(
    {
        "extract": "the answer does not hold what was asked for",
        "truncated": "the answer was cut off by the limit on its tokens",
        "duplicate": "the same network, or the same function, was proposed before",
        "outpaced": "others did better after as few epochs; a valid network that got no more",
        "cap": "more operations per example than allowed",
        **FAILURES,
    }
)
"""Why candidates are rejected, but for the kinds of the static gates (``evaluation.gates``): each
kind, and what it means. A failure of the machine is not among them: it is retried, and then ends
the command."""

MACHINE_DEPENDENT = frozenset({"timeout", "memory"})
"""Kinds that depend on a limit of the machine; another machine may decide otherwise."""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """The refusal of one candidate: a value, not an exception."""

    gate: str
    """Where it was refused: a gate of ``evaluation.gates``, ``extract``, ``duplicates``,
    ``SAME_FUNCTION``, ``train``, ``audit`` or ``fidelity``."""
    kind: str
    """Why, as one of ``evaluation.gates.KINDS``."""
    reason: str
    """One line of at most ``text.REASON_CHARACTERS``, for tables and for prompts."""
    train_s: float | None = None
    """Wall time of training, in seconds, of a network that was trained and refused; None where it
    was not trained, or its time is not recorded, as before version 0.2.0."""

    def __post_init__(self) -> None:
        """Make the reason one line: it may come from a gate, ruff, a candidate or a record."""
        object.__setattr__(self, "reason", reason_of(self.reason))

    @property
    def machine_dependent(self) -> bool:
        """Whether another machine may decide otherwise."""
        return self.kind in MACHINE_DEPENDENT


Outcome = Evaluation | Rejection


@dataclass(frozen=True, kw_only=True)
class Gated:
    """What the gates found of one network."""

    refusal: Rejection | None = None
    """The first gate's refusal, None for a network worth training."""
    behaviour: str | None = None
    """Digest of the code that decides what it computes and how it learns
    (``evaluation.behaviour``); None where it was refused, or where its code is not plain."""
    flops: int | None = None
    """FLOPs of its products and convolutions for one input, as its own process counts them. They
    predict how long a training takes, and decide nothing else."""


def rejection_of(failure: JobFailed, *, train_s: float | None = None) -> Rejection:
    """Return the rejection of a candidate whose job failed: the gate is the job.

    Args:
        failure: The failure.
        train_s: Seconds of the candidate's training, None if it was not trained.
    """
    return Rejection(gate=failure.job, kind=failure.kind, reason=failure.reason, train_s=train_s)


SAME_FUNCTION = "same function"
"""Gate that refuses a network that computes what an earlier one of the run computes."""

CHARGED = ("train", "audit", "fidelity")
"""Gates that follow a training: the evaluation is charged to the budget."""


def is_charged(*outcomes: Outcome) -> bool:
    """Return whether one of the outcomes is that of an evaluation: a training had begun."""
    return any(isinstance(one, Evaluation) or one.gate in CHARGED for one in outcomes)


def charged_seconds(decided: Outcome, measured: Outcome) -> float | None:
    """Return the seconds of training that are charged for a proposal, 0 where none is.

    The two outcomes differ only in a run that follows a record, whose decisions anybody may have
    written: a training is charged if either is that of one, with the larger duration.

    Args:
        decided: The outcome that decides the course of the run.
        measured: The outcome on this machine.

    Returns:
        The seconds; None where neither outcome has them.
    """
    trained = [one for one in (decided, measured) if is_charged(one)]
    known = [one.train_s for one in trained if one.train_s is not None]
    return max(known, default=None if trained else 0.0)


def content_of(outcome: Outcome | Gated) -> dict[str, Any]:
    """Return the fields as plain values, without those that are None."""
    return {name: value for name, value in vars(outcome).items() if value is not None}


def outcome_of(content: Mapping[str, Any]) -> Outcome:
    """Return the outcome that recorded values describe."""
    return Rejection(**content) if "gate" in content else Evaluation(**content)


def gated_of(content: Mapping[str, Any]) -> Gated:
    """Return what the gates found, from a recorded refusal or recorded findings.

    Raises:
        ValueError: The refusal is that of a training, which no gate makes.
    """
    if "gate" not in content:
        return Gated(**content)
    refusal = Rejection(**content)
    if is_charged(refusal) or refusal.train_s is not None:
        raise ValueError(f"a refusal by {refusal.gate}, after a training, is none of the gates")
    return Gated(refusal=refusal)


SHOWN_NETWORKS = "told"
"""Key of ``Variation.detail``: number of earlier networks, parents aside, that decided a child."""


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One application of an operator, with its choices and LLM calls."""

    operator: str
    """``mutation``, ``eot`` or ``mating``."""
    segment: str
    """The segment it rewrote; ``several`` if it may rewrite any."""
    detail: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    """Steps of the LLM calls, as ``g1.c2.mating``."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A child as proposed: its genome, or why there is none."""

    step: str
    """Unique key within the run, ``g2.c3``: generation 2, child 3."""
    parents: tuple[str, ...]
    """Steps of the parents; ``seed`` is the seed network."""
    variations: tuple[Variation, ...]
    child: Genome | Rejection


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A proposal with its outcome.

    Attributes:
        proposal: The proposal.
        outcome: The decision, from a recorded study where the run follows one.
        measured: The measurement on this machine, None where it is the decision.
    """

    proposal: Proposal
    outcome: Outcome
    measured: Outcome | None = None

    @property
    def charged(self) -> bool:
        """Whether an evaluation is charged for it: a training had begun, here or on record."""
        return is_charged(self.outcome, self.measured or self.outcome)

    @property
    def charged_s(self) -> float | None:
        """Seconds of training that are charged for it, see ``charged_seconds``."""
        return charged_seconds(self.outcome, self.measured or self.outcome)


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
