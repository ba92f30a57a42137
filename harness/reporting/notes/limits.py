"""Notes on margin and tolerance: the noise that they stand against, and what passes them."""

import math

from harness.analysis.measures import margin_of, trainings_compared
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.noise import Noise

_FEW_FAILURES = 0.025
"""Share of equal networks that may fail a margin."""
_BEYOND = 1.5
"""Loss for which a note gives the chance to pass, in margins."""


def on_margin(run: RunResult, measured: Noise) -> str:
    """Return how the noise of re-training compares with the margin of test scores."""
    seeds = run.manifest.settings["final"]["seeds"]
    margin = margin_of(run)
    text = (
        f"Margin: {points(run, margin)}, for the mean test score itself, not for an end of its "
        f"interval. Means of {seeds} re-trainings of equal networks differ with a standard error "
        f"of {points(run, measured.error)} (from {measured.n} re-trainings). "
        f"{_on_chances(run, measured, margin, limit='margin')}"
    )
    failing = 1 - measured.passing(margin, loss=0)
    if failing <= _FEW_FAILURES:
        return text
    if not margin:
        return f"{text} The margin is too small for this noise: use a larger final.margin."
    needed = math.ceil(seeds * measured.trainings_needed(margin, failing=_FEW_FAILURES))
    return f"{text} The margin is too small for this noise: use final.seeds={needed}."


def on_tolerance(run: RunResult, measured: Noise) -> str:
    """Return how the noise of the scores that select compares with the tolerance."""
    tolerance: float = run.manifest.settings["final"]["tolerance"]
    one, other = (f"the mean of {n}" if n > 1 else "one" for n in trainings_compared(run))
    return (
        f"Tolerance: {points(run, tolerance)}. Of validation scores, {one} less {other} of an "
        f"equal network has a standard error of {points(run, measured.error)} "
        f"(from {measured.n} re-trainings). "
        f"{_on_chances(run, measured, tolerance, limit='tolerance')} The selected network is the "
        f"smallest of several, each with such a chance."
    )


def _on_chances(run: RunResult, measured: Noise, size: float, *, limit: str) -> str:
    """Return in a sentence how many equal and how many worse networks are within a limit."""
    failing = _percent(1 - measured.passing(size, loss=0))
    if not size:
        return f"{failing} of networks equal to the seed network fail the {limit}."
    beyond = _BEYOND * size
    return (
        f"So {failing} of networks equal to the seed network fail the {limit}; of networks that "
        f"are truly {points(run, size)} worse, {_percent(measured.passing(size, loss=size))} pass, "
        f"and of those {points(run, beyond)} worse, "
        f"{_percent(measured.passing(size, loss=beyond))}."
    )


def _percent(share: float) -> str:
    return "under 0.1 %" if share < 1 / 1000 else f"{100 * share:.1f} %"


def points(run: RunResult, difference: float) -> str:
    """Return a difference of two scores with its unit, such as ``1 point``."""
    number = f"{run.wording.times * difference:.3g}"
    unit = run.wording.short_points
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}"
