"""What can be claimed of a run: its quantities by name, and what they can be confined to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from harness.analysis.arm import MEASURES
from harness.analysis.run_result import RunResult
from harness.analysis.stats import Interval
from harness.analysis.trajectory import evaluations_to
from harness.reporting.formatting import number


@dataclass(frozen=True, kw_only=True)
class Within:
    """What a claim is confined to; None where it is not."""

    parameters: int | None = None
    """Networks of at most so many parameters."""
    generation: int | None = None
    """What the search had found after this generation; the founders are generation 0."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What can be claimed of a run: its value there, and how that is written."""

    value: Callable[[RunResult, Within], float | None]
    digits: int
    percent: bool = False
    signed: bool = False
    """Whether it is a difference by itself, within one run."""
    heeds: frozenset[str] = frozenset()
    """Which limits it can be confined to."""

    def write(self, value: float | Interval, *, sign: str) -> str:
        """Write a value without its unit."""
        return number(self.digits, times=100 if self.percent else 1, sign=sign)(value)


def _best(run: RunResult, within: Within) -> float | None:
    if run.saw_test_data:
        return None  # it has no validation accuracy of its own
    most = within.parameters or run.seed_objectives.n_params
    found = (c.objectives for c in run.evaluated if c.objectives)
    return max((score for score, n_params in found if n_params <= most), default=None)


def _retrained_test(run: RunResult, within: Within) -> float | None:
    """Return the pick's, or choose by validation accuracy: the test split chooses nothing."""
    if within.parameters is None:
        return MEASURES["test_score"](run)
    small = [
        candidate.step
        for candidate in run.front
        if candidate.objectives and candidate.objectives.n_params <= within.parameters
    ]
    able = [step for step in small if run.retrained.get(step) and run.finals.get(step)]
    chosen = max(able, key=lambda step: fmean(run.retrained[step]), default=None)
    return None if chosen is None else fmean(run.finals[chosen])


def _seed_test(run: RunResult, _: Within) -> float | None:
    scores = run.finals.get("seed", ())
    return fmean(scores) if scores else None


def _gain(run: RunResult, within: Within) -> float | None:
    found, seed = _retrained_test(run, within), _seed_test(run, within)
    return None if found is None or seed is None else found - seed


def _valid(run: RunResult, _: Within) -> float | None:
    return fmean(c.valid for c in run.candidates) if run.candidates else None


def _size(run: RunResult, _: Within) -> float | None:
    return run.pick.objectives.n_params if run.pick and run.pick.objectives else None


_SIZE, _TIME = "parameters", "generation"
MEASURED: Mapping[str, Measure] = {
    "best_score": Measure(value=_best, digits=2, percent=True, heeds=frozenset({_SIZE, _TIME})),
    "test_score": Measure(value=_retrained_test, digits=2, percent=True, heeds=frozenset({_SIZE})),
    "test_gain": Measure(
        value=_gain, digits=2, percent=True, signed=True, heeds=frozenset({_SIZE})
    ),
    "parameters": Measure(value=_size, digits=0, heeds=frozenset({_TIME})),
    "hypervolume": Measure(
        value=lambda run, _: run.hypervolume, digits=3, heeds=frozenset({_TIME})
    ),
    "anytime_hypervolume": Measure(value=lambda run, _: MEASURES["anytime"](run), digits=3),
    "evaluations_to_half_size": Measure(value=lambda run, _: evaluations_to(run), digits=0),
    "valid": Measure(value=_valid, digits=1, percent=True, heeds=frozenset({_TIME})),
    "seed_parameters": Measure(value=lambda run, _: run.seed_objectives.n_params, digits=0),
    "seed_test_score": Measure(value=_seed_test, digits=2, percent=True),
}
"""``best_accuracy``: validation, in the search, of at most the seed network's size where nothing
else is said. ``test_accuracy``: re-trained; of the pick, or of the network of at most so many
parameters that re-trains best on validation images. ``test_gain``: the same, less the seed
network's, which was re-trained beside it. ``parameters``: of the pick. ``valid``: share
of proposals that passed every gate and trained. The others are the table's."""


def up_to(run: RunResult, generation: int) -> RunResult:
    """Return a run as it was after a generation."""
    kept = tuple(c for c in run.candidates if _generation(c.step) <= generation)
    known = {"seed", *(c.step for c in kept)}
    confirmed = {step: scores for step, scores in run.confirmed.items() if step in known}
    return replace(run, candidates=kept, confirmed=confirmed)


def generations(run: RunResult) -> int:
    """Count the generations that a run came to, the founders' included."""
    return max((_generation(c.step) for c in run.candidates), default=-1) + 1


def _generation(step: str) -> int:
    return int(step.removeprefix("g").partition(".")[0])
