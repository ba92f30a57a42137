"""What a run recorded of one proposal and of one LLM call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.evolution import pareto
from harness.evolution.budget import Effort, Usage, effort_of_training
from harness.evolution.candidate import CHARGED, Variation


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One recorded proposal.

    Attributes:
        step: Its key, such as ``g2.c3``.
        source: Its source code; empty where it has none.
        parents: Steps of the parents, ``seed`` for the seed network; the second one is the mate.
        variations: As recorded.
        objectives: As measured on the recording machine, None where it was refused.
        gate: Gate that refused it, None where it was evaluated.
        reason: Reason of the refusal.
        machine_dependent: Whether a limit of time or memory ended it.
        train_s: Seconds of its training in the search; 0 where there was none or it is not known.
        timed: Whether they are known, or there was none.
        flops: Operations per example, None where it was refused or they are not recorded.
        kind: Why it was refused, as one of ``evaluation.gates.KINDS``; None where it was evaluated.
        n_state: Elements of running statistics, None where it was refused or not recorded.
        network: Digest of its network, None where no network came.
    """

    step: str
    source: str = field(repr=False)
    parents: tuple[str, ...]
    variations: tuple[Variation, ...]
    objectives: pareto.Objectives | None
    gate: str | None
    reason: str | None
    machine_dependent: bool
    train_s: float
    timed: bool = True
    flops: int | None = None
    kind: str | None = None
    n_state: int | None = None
    network: str | None = None

    @property
    def generation(self) -> int:
        """The generation in which it was proposed; the founders are generation 0."""
        return generation_of(self.step)

    @property
    def charged(self) -> bool:
        """Whether an evaluation was charged for it, failed trainings included."""
        return self.objectives is not None or self.gate in CHARGED

    @property
    def valid(self) -> bool:
        """Whether it passed every gate and trained, even if stopped early at a rung."""
        return self.objectives is not None or self.gate == "fidelity"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One answered LLM call.

    Attributes:
        asked: Model that was asked.
        model: Model that answered, by its own account.
        usage: Its cost, None where the model does not report its tokens.
        longer: Whether the answer is longer than the requested limit.
        prompt_characters: Length of the prompt.
        answer_characters: Length of the answer.
        reports_settings: Whether the settings that it was generated with are on record.
        seconds: Of its requests, as far as they may have been billed; None where the answer's are
            unknown.
        segment: Segment that it was asked to rewrite.
        date: Day of the answer.
        finish_reason: Why the answer ended, by the server's account; None where it gives none.
        failures: Earlier requests for the same answer that failed.
    """

    asked: str
    model: str
    usage: Usage | None
    longer: bool
    prompt_characters: int
    answer_characters: int
    reports_settings: bool
    seconds: float | None = None
    segment: str = ""
    date: str = ""
    finish_reason: str | None = None
    failures: int = 0

    @property
    def characters(self) -> int:
        """Length of prompt and answer."""
        return self.prompt_characters + self.answer_characters

    @property
    def effort(self) -> Effort:
        """Seconds and cost of its requests; None is unknown."""
        return Effort(seconds=self.seconds, cost=self.usage.cost if self.usage else None)


def generation_of(step: str) -> int:
    """Return the generation of a step such as ``g2.c3``."""
    return int(step.removeprefix("g").partition(".")[0])


def effort_of(candidate: Candidate, calls: Mapping[str, Call], price: float | None) -> Effort:
    """Return the seconds and the cost of one proposal: its training and its calls.

    Args:
        candidate: The proposal.
        calls: Answered calls of its run, by step.
        price: Price of an hour of training, None where it is unknown.
    """
    effort = effort_of_training(candidate.train_s if candidate.timed else None, price)
    for variation in candidate.variations:
        for step in variation.calls:
            effort += calls[step].effort
    return effort


def effort_of_all(
    candidates: Sequence[Candidate], calls: Mapping[str, Call], price: float | None
) -> Effort:
    """Return the seconds and the cost of all proposals and answers; None is unknown.

    A proposal that the budget ended before it was decided has answers, and no candidate.
    """
    decided = {step for c in candidates for v in c.variations for step in v.calls}
    undecided = (call.effort for step, call in calls.items() if step not in decided)
    return sum(undecided, sum((effort_of(c, calls, price) for c in candidates), Effort()))
