"""What the search of a run took: evaluations, seconds and cost, proposal by proposal."""

import itertools

from harness.analysis.proposals import effort_of
from harness.analysis.run_result import RunResult
from harness.errors import InputError
from harness.evolution.budget import cost_of_training

EFFORTS = {
    "evaluations": "evaluations",
    "seconds": "seconds of training and LLM",
    "cost": "cost of training and LLM",
}
"""Kinds of effort at which runs can be compared, in words."""


def training_cost(run: RunResult) -> float:
    """Return what the trainings cost that a limit on cost counts: those of all proposals."""
    seconds = sum(candidate.train_s for candidate in run.candidates)
    return cost_of_training(run.training_price or 0, seconds)


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
        effort = getattr(effort_of(candidate, run.calls, run.training_price), by)
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
    generations, effort = budget.get("generations"), run.effort
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
