"""Anytime performance of a run: the best result after each proposal, and the cost by then."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.analysis.proposals import Candidate, effort_of
from harness.analysis.run_result import RunResult
from harness.evolution import pareto
from harness.evolution.budget import Effort, Usage, total
from harness.evolution.candidate import SHOWN_NETWORKS

TARGET_SIZE = 0.5
"""Largest share of the seed network's parameters that the target network may have."""

_DUPLICATE = "duplicate"
"""Kind of the refusals of what repeats an earlier network, see ``candidate.CAUSES``."""
_LARGEST_FRONT = 1_000
"""Largest Pareto front, in networks; truncating it takes time cubic in its size."""
_MOST_MEMBERS = 2_000_000
"""Limit on the sizes of all successive fronts together; 1,000 evaluations have some 20,000."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """State of a run after some of its proposals.

    Attributes:
        proposals: Proposals so far.
        evaluations: Evaluations so far.
        valid: Valid proposals so far.
        duplicates: Proposals so far that repeat an earlier network, by source or by function.
        calls: Answered LLM calls so far.
        tokens: Prompt and completion tokens so far; None where an LLM does not report them.
        cost: Cost of the calls so far; None where tokens or a price are unknown.
        characters: Characters of prompts and answers so far.
        train_s: Seconds of trainings in the search so far, as far as they are known.
        seconds: Seconds of training and LLM so far; None where one is not known.
        best: Best validation score among networks of at most the seed's size; None without one.
        hypervolume: See ``pareto.hypervolume``; 0 before the first evaluated network.
        front: Networks on the front.
        parameters: Parameters of the smallest network as good as the seed network, by the one
            training of the search; None without one.
    """

    proposals: int
    evaluations: int
    valid: int
    duplicates: int
    calls: int
    tokens: int | None
    cost: float | None
    characters: int
    train_s: float
    seconds: float | None
    best: float | None
    hypervolume: float
    front: int
    parameters: int | None


_START = Point(
    proposals=0,
    evaluations=0,
    valid=0,
    duplicates=0,
    calls=0,
    tokens=0,
    cost=0.0,
    characters=0,
    train_s=0.0,
    seconds=0.0,
    best=None,
    hypervolume=0.0,
    front=0,
    parameters=None,
)


def trajectory(run: RunResult) -> list[Point]:
    """Return a point after each evaluation, in the order in which proposals were decided.

    Raises:
        ValueError: The front was too large after some evaluation.
    """
    points = zip(run.candidates, progress(run), strict=True)
    return [point for candidate, point in points if candidate.charged]


def progress(run: RunResult) -> Iterator[Point]:
    """Yield a point after each proposal, in the order in which they were decided.

    Raises:
        ValueError: The front was too large after some evaluation.
    """
    point, effort = _START, Effort()
    usage: Usage | None = Usage()
    for candidate, front in _fronts(run):
        calls = [run.calls[step] for step in _calls(candidate)]
        usage = total([usage, *(call.usage for call in calls)])
        effort += effort_of(candidate, run.calls, run.training_price)
        point = replace(
            point,
            proposals=point.proposals + 1,
            evaluations=point.evaluations + candidate.charged,
            valid=point.valid + candidate.valid,
            duplicates=point.duplicates + (candidate.kind == _DUPLICATE),
            calls=point.calls + len(calls),
            tokens=usage.tokens if usage else None,
            cost=usage.cost if usage else None,
            characters=point.characters + sum(call.characters for call in calls),
            train_s=point.train_s + candidate.train_s,
            seconds=effort.seconds,
        )
        if front is not None:
            point = _with_front(point, run, front)
        yield point


def _fronts(run: RunResult) -> Iterator[tuple[Candidate, pareto.Front | None]]:
    """Yield each candidate with the front after it, None where it changed nothing."""
    front, room = pareto.Front(), _MOST_MEMBERS
    for candidate in run.candidates:
        new = candidate.objectives
        changed = new is not None and front.add(new)
        if changed:
            room -= len(front.members)
            if len(front.members) > _LARGEST_FRONT or room < 0:
                raise ValueError(f"a front of {len(front.members):,} networks is too large")
        yield candidate, front if changed else None


def _with_front(point: Point, run: RunResult, front: pareto.Front) -> Point:
    """Return a point with what its front says."""
    able = (one.n_params for one in front.members if run.as_good_as_the_seed(one.score))
    return replace(
        point,
        best=front.best_score(run.seed_objectives.n_params),
        hypervolume=run.hypervolume_of(front.members),
        front=len(front.members),
        parameters=next(able, None),
    )


def anytime(run: RunResult) -> float | None:
    """Return the mean hypervolume over the evaluations of the budget, or of the cut.

    This is the area under the curve, per evaluation, so earlier discoveries count more. The last
    value stands for evaluations that the run did not reach. None for a run that is cut by another
    effort, in which equal runs have different numbers of evaluations.
    """
    budget = run.horizon
    if budget is None:
        return None
    heights, height = [], 0.0
    for candidate, front in _fronts(run):
        if front is not None:
            height = run.hypervolume_of(front.members)
        if candidate.charged:
            heights.append(height)
    heights = heights[:budget]
    last = heights[-1] if heights else 0.0
    return statistics.fmean([*heights, *[last] * (budget - len(heights))])


def founders_share(run: RunResult) -> float | None:
    """Return the share of the search's gain that changes of the seed network alone reach.

    The gain is of hypervolume over the seed network's. Candidates whose only parent is the seed
    network are the founders, unless their prompt shows other networks. Later children have the
    rest, which grows with the number of evaluations, also without evolution. None where there is no
    gain, or no later child.
    """
    first = [c.objectives for c in run.evaluated if c.objectives and _is_founder(c)]
    every = [c.objectives for c in run.evaluated if c.objectives]
    if len(first) == len(every):
        return None
    seed, founders, final = (
        run.hypervolume_of([run.seed_objectives, *found]) for found in ([], first, every)
    )
    return (founders - seed) / (final - seed) if final > seed else None


def _is_founder(candidate: Candidate) -> bool:
    shown = any(SHOWN_NETWORKS in variation.detail for variation in candidate.variations)
    return set(candidate.parents) <= {"seed"} and not shown


def evaluations_to_target(run: RunResult, size: float = TARGET_SIZE) -> int | None:
    """Return the evaluations until the first small network as good as the seed network, or None.

    As good: within ``final.tolerance`` of the seed network's score, by the one training of the
    search.

    Args:
        run: The run.
        size: Largest share of the seed network's parameters that a small network has.
    """
    charged = 0
    for candidate in run.candidates:
        charged += candidate.charged
        if candidate.objectives is not None and (
            candidate.objectives.n_params <= size * run.seed_objectives.n_params
            and run.as_good_as_the_seed(candidate.objectives.score)
        ):
            return charged
    return None


def _calls(candidate: Candidate) -> Iterator[str]:
    for variation in candidate.variations:
        yield from variation.calls
