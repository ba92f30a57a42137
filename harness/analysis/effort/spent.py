"""What the search of a run took: evaluations, seconds and cost, proposal by proposal."""

import itertools

from harness.analysis.proposals import Call, Candidate
from harness.analysis.run_result import RunResult
from harness.errors import InputError
from harness.evolution.budget import Effort, cost_of_training, effort_of_training

EFFORTS = {
    "evaluations": "evaluations",
    "seconds": "seconds of training and LLM",
    "cost": "cost of training and LLM",
}
"""Kinds of effort at which runs can be compared, in words."""


def training_price(run: RunResult) -> float | None:
    """Return the price of an hour of training: that of the comparison, or else the recorded one."""
    if run.cut is not None and run.cut.training_price is not None:
        return run.cut.training_price
    recorded: float | None = run.manifest.settings.get("training_price")
    return run.manifest.training_price if recorded is None else recorded


def effort_of(run: RunResult, candidate: Candidate) -> Effort:
    """Return the seconds and the cost of one proposal: its training and its calls."""
    trained = candidate.train_s if candidate.timed else None
    effort = effort_of_training(trained, training_price(run))
    for variation in candidate.variations:
        for step in variation.calls:
            effort += _effort_of_call(run.calls[step])
    return effort


def _effort_of_call(call: Call) -> Effort:
    return Effort(seconds=call.seconds, cost=call.usage.cost if call.usage else None)


def total_effort(run: RunResult) -> Effort:
    """Return the seconds and the cost of all proposals and answers; None is unknown.

    A proposal that the budget ended before it was decided has answers, and no candidate.
    """
    decided = {step for c in run.candidates for v in c.variations for step in v.calls}
    undecided = (call for step, call in run.calls.items() if step not in decided)
    proposals = sum((effort_of(run, candidate) for candidate in run.candidates), Effort())
    return sum(map(_effort_of_call, undecided), proposals)


def training_cost(run: RunResult) -> float:
    """Return what the trainings cost that a limit on cost counts: those of all proposals."""
    seconds = sum(candidate.train_s for candidate in run.candidates)
    return cost_of_training(training_price(run) or 0, seconds)


def efforts_so_far(run: RunResult, by: str) -> list[float]:
    """Return the effort after each proposal.

    Args:
        run: The run.
        by: One of ``EFFORTS``.

    Raises:
        InputError: The seconds or the cost of a proposal is not recorded.
    """
    if by == "evaluations":
        return list(itertools.accumulate(float(c.charged) for c in run.candidates))
    known: list[float] = []
    for candidate in run.candidates:
        effort = getattr(effort_of(run, candidate), by)
        if effort is None:
            raise InputError(
                f"--equal {by}: expected runs with the {by} of every training and answer on "
                f"record, those of {candidate.step} of {run.arm}, seed {run.seed}, are not all "
                f"known.{_WAYS_OUT[by]} Use --equal evaluations."
            )
        known.append(effort)
    return list(itertools.accumulate(known))


_WAYS_OUT = {
    "seconds": "",
    "cost": " Give the price of an hour of training with --training-price where a run has none on "
    "record; the prices of a model are recorded with each answer.",
}


def had_room(run: RunResult) -> bool:
    """Return whether a finished run ended before its budget: its proposer had nothing left.

    More of any budget would not have changed such a run.
    """
    return run.complete and not limits_reached(run)


def limits_reached(run: RunResult) -> list[str]:
    """Return the limits of its budget that a run has reached, or that refused a call."""
    if run.unfinished:
        return sorted(set(run.unfinished.values()))
    budget = run.manifest.settings["budget"]
    generations, effort = budget.get("generations"), total_effort(run)
    spent = {
        "evaluations": run.evaluations,
        "proposals": len(run.candidates),
        "train_s": sum(candidate.train_s for candidate in run.candidates),
        "seconds": effort.seconds,
        "cost": effort.cost,
    }
    reached = [
        name
        for name, amount in spent.items()
        if budget.get(name) is not None and (amount is None or amount >= budget[name])
    ]
    if generations is not None and run.generations > generations:
        reached.append("generations")
    return reached
