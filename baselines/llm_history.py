"""Measurements and refusals of the search so far, for prompts, bounded in length."""

from collections.abc import Sequence

from harness.errors import InputError
from harness.evolution import pareto
from harness.evolution.candidate import SHOWN_NETWORKS, Decided, Individual, Rejection
from harness.evolution.loop import evaluated
from harness.evolution.proposer import Context
from harness.tasks.base import Wording


def require_counts(**counts: int) -> None:
    """Raise InputError for arguments of a proposer that count less than nothing."""
    for name, count in counts.items():
        if count < 0:
            raise InputError(f"proposer.{name}: expected at least 0, got {count}.")


def measured(context: Context) -> list[Individual]:
    """Return the networks measured in earlier generations, the eldest first."""
    return evaluated(context.history)


def chosen(networks: Sequence[Individual], *, most: int) -> tuple[Sequence[Individual], int]:
    """Return the networks that a prompt shows, and how many it leaves out.

    Of more than ``most``, SPEA2's environmental selection chooses, as it chooses elites
    (``pareto.spea2_choice``): the Pareto front first, thinned out where it is crowded.
    """
    if len(networks) <= most:
        return networks, 0
    objectives = [one.objectives for one in networks]
    kept = pareto.spea2_choice(objectives, most, [one.genome.digest for one in networks])
    return [networks[i] for i in kept], len(networks) - len(kept)


def shown_detail(context: Context) -> dict[str, str]:
    """Return the record of how many measured networks a prompt shows or counts."""
    count = len(measured(context))
    return {SHOWN_NETWORKS: str(count)} if count else {}


def refused(context: Context, *, most: int) -> Sequence[Decided]:
    """Return the latest proposals of earlier generations that were refused, duplicates aside."""
    found = [
        one
        for one in context.history
        if isinstance(one.outcome, Rejection) and one.outcome.kind != "duplicate"
    ]
    return found[max(0, len(found) - most) :]


def objectives_text(one: Individual, wording: Wording) -> str:
    """Return both objectives in words: ``accuracy 98.61%, 518,230 parameters``."""
    score = wording.text(one.evaluation.score)
    return f"{wording.score} {score}, {one.evaluation.n_params:,} parameters"
