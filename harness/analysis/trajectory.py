"""How a run came along: what it had found after each evaluation, and what it had spent by then."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.run_result import Candidate, RunResult
from harness.evolution import pareto
from harness.evolution.candidate import CHARGED
from harness.evolution.usage import total

TARGET_SIZE = 0.5
"""Share of the seed's parameters that the network which is sought has at most."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What a run had found, and what it had spent on proposals, after some evaluations."""

    evaluations: int
    tokens: int | None
    """Prompt and completion tokens so far; None where an LLM does not report them."""
    train_s: float
    """Seconds of trainings that ended by themselves."""
    best: float | None
    """Best validation accuracy among networks of at most the seed's size; None without one."""
    hypervolume: float
    """See ``pareto.hypervolume``; 0 before anything was found."""


def progress(run: RunResult) -> list[Point]:
    """Return a point after each evaluation, in the order in which proposals were decided."""
    found: list[Point] = []
    front: list[pareto.Objectives] = []
    tokens: int | None = 0
    train_s, best, volume = 0.0, None, 0.0
    for candidate in run.candidates:
        asked = _tokens(run, candidate)
        tokens = None if tokens is None or asked is None else tokens + asked
        train_s += candidate.train_s
        if candidate.objectives is not None:
            score, n_params = candidate.objectives
            if n_params <= run.seed_objectives.n_params:
                best = score if best is None else max(best, score)
            if not any(o == candidate.objectives or pareto.dominates(o, candidate.objectives)
                       for o in front):  # fmt: skip
                front = [o for o in front if not pareto.dominates(candidate.objectives, o)]
                front.append(candidate.objectives)
                volume = run.hypervolume_of(front)
        if candidate.objectives is not None or candidate.gate in CHARGED:
            found.append(
                Point(
                    evaluations=len(found) + 1,
                    tokens=tokens,
                    train_s=train_s,
                    best=best,
                    hypervolume=volume,
                )
            )
    return found


def anytime(run: RunResult) -> float:
    """Return the mean height of the hypervolume's curve over the evaluations of the budget.

    That is the area under the curve, per evaluation: a run that finds the same earlier has more.
    What was found last stands for evaluations that the run did not come to.
    """
    budget: int = run.manifest.settings["budget"]["evaluations"]
    heights = [point.hypervolume for point in progress(run)][:budget]
    last = heights[-1] if heights else 0.0
    return statistics.fmean([*heights, *[last] * (budget - len(heights))])


def evaluations_to(run: RunResult) -> int | None:
    """Return how many evaluations it took to find a small network that is accurate, or None.

    Accurate: within ``final.tolerance`` of the seed network, by the one training of the search.
    Small: at most ``TARGET_SIZE`` times the seed's parameters.
    """
    charged = 0
    for candidate in run.candidates:
        charged += candidate.objectives is not None or candidate.gate in CHARGED
        if candidate.objectives is not None and (
            candidate.objectives.n_params <= TARGET_SIZE * run.seed_objectives.n_params
            and run.as_accurate_as_the_seed(candidate.objectives.score)
        ):
            return charged
    return None


def _tokens(run: RunResult, candidate: Candidate) -> int | None:
    usage = total(run.calls[step].usage for step in _calls(candidate))
    return None if usage is None else usage.tokens


def _calls(candidate: Candidate) -> Iterator[str]:
    for variation in candidate.variations:
        yield from variation.calls
