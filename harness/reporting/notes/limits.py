"""Notes on margin and tolerance: the noise that they stand against, and what passes them."""

import math

from harness.analysis.measures import margin_of, trainings_compared
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.noise import Noise
from harness.text import counted

_FEW_FAILURES = 0.025
"""Share of equal networks that may fail a margin."""
_BEYOND = 1.5
"""Loss for which a note gives the chance to pass, in margins."""


def on_margin(run: RunResult, measured: Noise, of_seed: Noise | None) -> str:
    """Return how the noise of re-training compares with the margin of test scores.

    Args:
        run: A run with the margin.
        measured: The noise of all networks that were re-trained.
        of_seed: That of the seed network alone, None where nothing tells it.
    """
    seeds = run.manifest.settings["final"]["seeds"]
    margin = margin_of(run)
    text = (
        f"Margin: {points(run, margin)}, for the mean test score itself, not for an end of its "
        f"interval. Means of {counted(seeds, 're-training')} of networks of one true score differ "
        f"with a standard error of {points(run, measured.error)} "
        f"({_on_source(run, measured, of_seed)}). "
        f"{_on_chances(run, measured, margin, limit='margin')}"
    )
    failing = 1 - measured.passing(margin, loss=0)
    if failing <= _FEW_FAILURES:
        return text
    if not margin:
        return f"{text} The margin is too small for this noise: use a larger final.margin."
    needed = math.ceil(seeds * measured.trainings_needed(margin, failing=_FEW_FAILURES))
    return f"{text} The margin is too small for this noise: use final.seeds={needed}."


def on_tolerance(run: RunResult, measured: Noise, of_seed: Noise | None) -> str:
    """Return how the noise of the scores that select compares with the tolerance.

    Args:
        run: A run with the tolerance.
        measured: The noise of all networks that were re-trained.
        of_seed: That of the seed network alone, None where nothing tells it.
    """
    tolerance: float = run.manifest.settings["final"]["tolerance"]
    one, other = (f"the mean of {n}" if n > 1 else "one" for n in trainings_compared(run))
    return (
        f"Tolerance: {points(run, tolerance)}. Of validation scores, {one} less {other} of a "
        f"network of the same true score has a standard error of {points(run, measured.error)} "
        f"({_on_source(run, measured, of_seed)}). "
        f"{_on_chances(run, measured, tolerance, limit='tolerance')} The selected network is the "
        f"smallest of several, each with such a chance."
    )


def _on_source(run: RunResult, measured: Noise, of_seed: Noise | None) -> str:
    """Return from what the noise is known, and how the seed network's own differs from it."""
    text = (
        f"from {counted(measured.n, 're-training')} of all networks, with a standard deviation of "
        f"{points(run, measured.deviation)}; that of half of the networks is at most "
        f"{points(run, measured.typical)}, and one network has {_percent(measured.noisiest)} of "
        f"the variance"
    )
    if of_seed is None:
        return text
    return (
        f"{text}; the seed network's {of_seed.n} alone have a standard deviation of "
        f"{points(run, of_seed.deviation)}"
    )


def _on_chances(run: RunResult, measured: Noise, size: float, *, limit: str) -> str:
    """Return in a sentence how many networks are within a limit, as good ones and worse ones.

    The chances are those of networks with the noise of all that were re-trained. Some are noisier,
    so that a normal distribution foretells fewer failures than they have.
    """
    failing = _percent(1 - measured.passing(size, loss=0))
    if not size:
        return f"{failing} of networks as good as the seed network fail the {limit}."
    beyond = _BEYOND * size
    return (
        f"With this noise, {failing} of networks as good as the seed network fail the {limit}; of "
        f"networks that are truly {points(run, size)} worse, "
        f"{_percent(measured.passing(size, loss=size))} pass, and of those {points(run, beyond)} "
        f"worse, {_percent(measured.passing(size, loss=beyond))}."
    )


def _percent(share: float) -> str:
    return "under 0.1 %" if share < 1 / 1000 else f"{100 * share:.1f} %"


def saving_text(decades: float) -> str:
    """Return ``0.15 decades (29 % fewer parameters)``."""
    return f"{decades:g} decades ({100 * (1 - 10**-decades):.0f} % fewer parameters)"


def points(run: RunResult, difference: float) -> str:
    """Return a difference of two scores with its unit, such as ``1 point``."""
    number = f"{run.wording.times * difference:.3g}"
    unit = run.wording.short_points
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}"
